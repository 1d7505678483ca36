"""Tools told in plain turns, for a model whose chat template knows none.

The tools and the syntax go into the system message; earlier calls become the text that the model
would have written, and their results a user's turn. Any template takes the outcome.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import msgspec

from tasks.jobs import Message, Tool, ToolChoice
from worker.constraints.tool_syntax import GENERIC

_EXPLANATION = """\
You can call these functions, one per line:
{functions}

To call a function, write this and nothing after it:
{example}"""
_SEVERAL = "Write it again for each further call."
_MAY = "Call a function when it helps to answer; otherwise answer in plain text."
_MUST = "Answer with a function call."
_MUST_ONE = "Answer with a call of the function {name}."


def introduce(
    messages: Sequence[Message],
    tools: Sequence[Tool],
    choice: ToolChoice,
    *,
    name: str | None = None,
    several: bool = True,
) -> tuple[Message, ...]:
    """The conversation in turns of system, user and assistant alone, the tools explained first."""
    turns = list(_plain(messages))
    if not tools or choice == "none":
        return tuple(turns)
    told = _explanation(tools, choice, name=name, several=several)
    if turns and turns[0].role == "system":
        first = turns.pop(0)
        told = f"{first.content}\n\n{told}" if first.content else told
    return (Message("system", told), *turns)


def _explanation(
    tools: Sequence[Tool], choice: ToolChoice, *, name: str | None, several: bool
) -> str:
    functions = "\n".join(map(_description, tools))
    example = GENERIC.opening + "NAME" + GENERIC.between + "{ARGUMENTS}" + GENERIC.closing
    must = _MUST_ONE.format(name=name) if name else _MUST
    parts = [
        _EXPLANATION.format(functions=functions, example=example),
        *([_SEVERAL] if several and not name else []),
        must if choice == "required" else _MAY,
    ]
    return "\n".join(parts)


def _description(tool: Tool) -> str:
    return json.dumps(
        {
            "name": tool.name,
            "description": tool.description,
            "parameters": json.loads(tool.parameters),
        },
        ensure_ascii=False,
    )


def _plain(messages: Sequence[Message]) -> Iterator[Message]:
    """Turns without calls; results, and a user's words after them, are one turn of the user."""
    results: list[str] = []
    for message in messages:
        if message.role == "tool":
            results.append(f"<tool_response>\n{message.content}\n</tool_response>")
        elif message.role == "user" and results:
            yield Message("user", "\n".join([*results, message.content]), message.name)
            results = []
        else:
            if results:
                yield Message("user", "\n".join(results))
                results = []
            yield _without_calls(message)
    if results:
        yield Message("user", "\n".join(results))


def _without_calls(message: Message) -> Message:
    if not message.tool_calls:
        return message
    calls = [
        GENERIC.opening + call.name + GENERIC.between + call.arguments + GENERIC.closing
        for call in message.tool_calls
    ]
    content = "\n".join([message.content, *calls] if message.content else calls)
    return msgspec.structs.replace(message, content=content, tool_calls=())
