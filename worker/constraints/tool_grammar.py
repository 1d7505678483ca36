"""The grammar of an answer that calls tools, with each tool's own schema for its arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tasks.errors import InvalidJob
from tasks.jobs import Tool
from worker.constraints import schema
from worker.constraints.json_layout import ON_ONE_LINE, with_layout
from worker.constraints.tool_syntax import ToolSyntax

PARAM = "tools"
MOST_CALLS = 16
_MOST_CHARACTERS = 4 * schema.MOST_CHARACTERS


def to_lark(syntax: ToolSyntax, tools: Mapping[int, Tool], *, free: bool, several: bool) -> str:
    """The grammar for llguidance: with ``free``, text may come instead of calls, or before them.

    ``tools`` are those that may be called, by their place in the request.

    Raises ``InvalidJob`` that names the tool whose schema cannot be enforced.
    """
    calls = [_call(syntax, number, tool) for number, tool in tools.items()]
    if sum(map(len, calls)) > _MOST_CHARACTERS:
        raise InvalidJob(
            f"The tools' schemas have more than {_MOST_CHARACTERS} characters together. "
            "Offer fewer tools.",
            param=PARAM,
        )
    any_call = " | ".join(f"call{number}" for number in tools)
    more = f'("\\n" {_quoted(syntax.opening)} call){{0,{MOST_CALLS - 1}}}' if several else ""
    return "\n".join(
        [
            "%llguidance {}",
            *_beginning(syntax, more, free=free),
            f"call: {any_call}",
            *calls,
            "",
        ]
    )


def _beginning(syntax: ToolSyntax, more: str, *, free: bool) -> list[str]:
    if not free:
        return [f"start: {_quoted(syntax.opening)} call {more}"]
    if not syntax.marker:
        # Without a marker only the first character can tell: a brace begins a call.
        return [
            f"start: TEXT | {_quoted(syntax.opening)} call {more}",
            r"TEXT: /\s*([^{\s](.|\n)*)?/",
        ]
    rest = syntax.opening.removeprefix(syntax.marker)
    return [
        f"start: TEXT | called {_quoted(rest)} call {more}",
        # Lazy: it ends with the first marker, and then nothing but a call may follow.
        f"called[lazy]: TEXT {_quoted(syntax.marker)}",
        r"TEXT: /(.|\n)*/",
    ]


def _call(syntax: ToolSyntax, number: int, tool: Tool) -> str:
    param = f"tools[{number}].function.parameters"
    wanted = schema.read(tool.parameters, param=param)
    if wanted.setdefault("type", "object") != "object":
        raise InvalidJob(
            f'The arguments of {tool.name} are no object. Write "type": "object" in its schema.',
            param=param,
        )
    head = _quoted(tool.name + syntax.between)
    arguments = with_layout(wanted, ON_ONE_LINE)
    return f"call{number}: {head} %json {arguments} {_quoted(syntax.closing)}"


def _quoted(text: str) -> str:
    return json.dumps(text)
