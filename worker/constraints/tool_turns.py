"""Tools told in plain turns, for a model whose chat template knows none.

The tools and the syntax go into the system message; earlier calls become the text that the model
would have written, and their results a user's turn. Any template takes the outcome.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import msgspec

from tasks.jobs import Image, Message, Tool, ToolChoice
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
    images: tuple[Image, ...] = ()
    if turns and turns[0].role == "system":
        first = turns.pop(0)
        told = f"{first.content}\n\n{told}" if first.content else told
        images = first.images
    return (Message("system", told, images=images), *turns)


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
    results: list[Message] = []
    for message in messages:
        if message.role == "tool":
            around = "<tool_response>\n", "\n</tool_response>"
            results.append(_joined([Message("", around[0]), message, Message("", around[1])], ""))
        elif message.role == "user" and results:
            yield _joined([*results, message], "\n", message.name)
            results = []
        else:
            if results:
                yield _joined(results, "\n")
                results = []
            yield _without_calls(message)
    if results:
        yield _joined(results, "\n")


def _joined(parts: Sequence[Message], between: str, name: str | None = None) -> Message:
    """A user's turn of several, with their images where they stood."""
    images: list[Image] = []
    done = 0
    for part in parts:
        images += [Image(done + image.at, image.data) for image in part.images]
        done += len(part.content) + len(between)
    content = between.join(part.content for part in parts)
    return Message("user", content, name, images=tuple(images))


def _without_calls(message: Message) -> Message:
    if not message.tool_calls:
        return message
    calls = [
        GENERIC.opening + call.name + GENERIC.between + call.arguments + GENERIC.closing
        for call in message.tool_calls
    ]
    content = "\n".join([message.content, *calls] if message.content else calls)
    return msgspec.structs.replace(message, content=content, tool_calls=())
