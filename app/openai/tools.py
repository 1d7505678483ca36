"""Tools: the functions that a model may call, which of them it must, and the calls it made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any, NoReturn

import msgspec
from msgspec import Meta

from app.openai.errors import BadRequest, Unsupported
from app.openai.forms import check_name, schema_text
from app.openai.sizes import utf8_bytes
from tasks.jobs import Tool, ToolCall, ToolChoice

MAX_TOOLS = 128
MAX_TOOLS_BYTES = 262_144
"""Of all tools together: each of them is written into the prompt."""


class FunctionBody(msgspec.Struct):
    """A function as a client describes it; without ``parameters`` it takes any object."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolBody(msgspec.Struct):
    """A tool as sent; tools of other types than function carry other fields."""

    type: str
    function: FunctionBody | None = None


class NamedFunction(msgspec.Struct):
    """The one function that must be called."""

    name: str


class ToolChoiceBody(msgspec.Struct):
    """A choice that is not one of the three words."""

    type: str
    function: NamedFunction | None = None


class CalledFunction(msgspec.Struct):
    """What an assistant called earlier; ``arguments`` is text, JSON or not."""

    name: str
    arguments: str


class ToolCallBody(msgspec.Struct):
    """A call of an earlier turn; clients that leave ``type`` out mean function."""

    id: Annotated[str, Meta(min_length=1, max_length=256)]
    function: CalledFunction | None = None
    type: str | None = None


ToolList = Annotated[list[ToolBody], Meta(max_length=MAX_TOOLS)]
ToolCallList = Annotated[list[ToolCallBody], Meta(max_length=MAX_TOOLS)]


class Toolbox(msgspec.Struct, frozen=True):
    """The tools of one request, and whether one of them, or which, must be called."""

    tools: tuple[Tool, ...] = ()
    choice: ToolChoice = "auto"
    name: str | None = None

    @property
    def must_call(self) -> bool:
        """Whether an answer without a call would be no answer."""
        return self.choice == "required"

    @property
    def may_call(self) -> bool:
        """Whether an answer may hold a call."""
        return bool(self.tools) and self.choice != "none"


def toolbox_of(listed: Sequence[ToolBody] | None, choice: str | ToolChoiceBody | None) -> Toolbox:
    """The tools, checked, with the choice that a client made among them."""
    tools = tuple(_tool(tool, f"tools[{i}]") for i, tool in enumerate(listed or ()))
    check_together(tools, "function.name")
    if isinstance(choice, ToolChoiceBody):
        return Toolbox(tools, "required", _named(choice, {tool.name for tool in tools}))
    return toolbox_by_word(tools, choice)


def toolbox_by_word(tools: tuple[Tool, ...], choice: str | None) -> Toolbox:
    """The tools with a choice that is a word, or none."""
    if choice == "required" and not tools:
        raise BadRequest(
            "'tool_choice' is required, but there are no tools: send 'tools' with it.",
            param="tool_choice",
        )
    match choice:
        case None | "auto":
            return Toolbox(tools, "auto")
        case "none":
            # Without tools there is nothing to refrain from.
            return Toolbox(tools, "none" if tools else "auto")
        case "required":
            return Toolbox(tools, "required")
    raise BadRequest(
        "'tool_choice' must be none, auto, required, or an object that names a function.",
        param="tool_choice",
    )


def calls_of(listed: Sequence[ToolCallBody], where: str) -> tuple[ToolCall, ...]:
    """The calls of an earlier turn, in order."""
    return tuple(_call(call, f"{where}[{i}]") for i, call in enumerate(listed))


def _tool(asked: ToolBody, where: str) -> Tool:
    check_type(asked.type, where)
    return tool_of(asked.function or missing(f"{where}.function"), f"{where}.function")


def tool_of(function: FunctionBody, where: str) -> Tool:
    """The tool that ``function`` describes."""
    name = check_name(function.name, f"{where}.name")
    parameters = _parameters(function.parameters or {}, f"{where}.parameters")
    return Tool(name, function.description or "", parameters)


def _parameters(schema: dict[str, Any], where: str) -> str:
    if schema.get("type", "object") != "object":
        raise BadRequest(
            f"'{where}' must be a schema of type object: a function's arguments have names.",
            param=where,
        )
    return schema_text(schema if "type" in schema else {"type": "object"} | schema, where)


def check_together(tools: Sequence[Tool], name_field: str) -> None:
    """Refuse tools of one name, and too much of them; ``name_field`` is where a tool's name is."""
    seen: set[str] = set()
    for i, tool in enumerate(tools):
        if tool.name in seen:
            raise BadRequest(
                f"'tools[{i}].{name_field}' is the name of an earlier tool: each must have "
                "its own.",
                param=f"tools[{i}].{name_field}",
            )
        seen.add(tool.name)
    size = sum(utf8_bytes(tool.description) + utf8_bytes(tool.parameters) for tool in tools)
    if size > MAX_TOOLS_BYTES:
        raise BadRequest(
            f"'tools' have {size} bytes together; at most {MAX_TOOLS_BYTES} are read: send fewer, "
            "or describe them more briefly.",
            param="tools",
        )


def _named(choice: ToolChoiceBody, names: set[str]) -> str:
    refuse_allowed_tools(choice.type)
    check_type(choice.type, "tool_choice")
    function = choice.function or missing("tool_choice.function")
    return check_known(function.name, names, "tool_choice.function.name")


def check_known(name: str, names: Collection[str], param: str) -> str:
    """``name`` when it is one of the tools' ``names``."""
    if name in names:
        return name
    raise BadRequest(f"'{param}' must be the name of one of the 'tools'.", param=param)


def _call(asked: ToolCallBody, where: str) -> ToolCall:
    if asked.type is not None:
        check_type(asked.type, where)
    function = asked.function or missing(f"{where}.function")
    name = check_name(function.name, f"{where}.function.name")
    return ToolCall(asked.id, name, function.arguments)


def refuse_allowed_tools(kind: str) -> None:
    """Refuse a choice among some of the tools."""
    if kind == "allowed_tools":
        raise Unsupported(
            "'tool_choice' of type allowed_tools is not served: send only the allowed 'tools', "
            "with 'tool_choice' auto or required.",
            param="tool_choice.type",
        )


def check_type(kind: str, where: str) -> None:
    """Refuse a tool, a choice or a call that is of no function."""
    if kind != "function":
        raise Unsupported(
            f"'{where}.type' must be function: other kinds are not served.", param=f"{where}.type"
        )


def missing(param: str) -> NoReturn:
    """Refuse a request that lacks ``param``."""
    raise BadRequest(
        f"'{param}' is missing: it is required.", param=param, code="missing_required_parameter"
    )
