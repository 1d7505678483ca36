"""A response's tools: functions, their fields beside their type."""

from __future__ import annotations

from collections.abc import Sequence

from app.openai.responses.fields import FlatChoice, FlatTool
from app.openai.tools import (
    FunctionBody,
    Toolbox,
    check_known,
    check_together,
    check_type,
    missing,
    refuse_allowed_tools,
    tool_of,
    toolbox_by_word,
)
from tasks.jobs import Tool


def response_tools(listed: Sequence[FlatTool] | None, choice: str | FlatChoice | None) -> Toolbox:
    """The tools, checked, with the choice that a client made among them."""
    tools = tuple(_tool(tool, f"tools[{i}]") for i, tool in enumerate(listed or ()))
    check_together(tools, "name")
    if isinstance(choice, FlatChoice):
        return Toolbox(tools, "required", _named(choice, {tool.name for tool in tools}))
    return toolbox_by_word(tools, choice)


def _tool(asked: FlatTool, where: str) -> Tool:
    check_type(asked.type, where)
    name = missing(f"{where}.name") if asked.name is None else asked.name
    return tool_of(FunctionBody(name, asked.description, asked.parameters), where)


def _named(choice: FlatChoice, names: set[str]) -> str:
    refuse_allowed_tools(choice.type)
    check_type(choice.type, "tool_choice")
    name = missing("tool_choice.name") if choice.name is None else choice.name
    return check_known(name, names, "tool_choice.name")
