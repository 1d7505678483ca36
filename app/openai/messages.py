"""A conversation as clients send it to the messages of a job: roles, parts, calls and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.openai.errors import BadRequest, Unsupported
from app.openai.tools import ToolCallList, calls_of
from tasks.jobs import Message, ToolCall
from tasks.model import Model

MAX_MESSAGES = 2_048
"""Turns in one conversation: more than any context here holds with a template around each."""

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_UNSERVED_PARTS = {"image_url": "vision", "input_audio": "hearing", "file": "file reading"}


class Part(msgspec.Struct):
    """A piece of a message's content; parts of other types than text carry other fields."""

    type: str
    text: str | None = None
    refusal: str | None = None


class Turn(msgspec.Struct):
    """A message as sent: its content a string, or parts."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: ToolCallList | None = None
    tool_call_id: str | None = None
    function_call: Any = None


def messages_of(turns: Sequence[Turn], model: Model) -> tuple[Message, ...]:
    """The conversation's turns, in order; a refusal names the turn and the part at fault."""
    return tuple(_message(turn, f"messages[{i}]", model) for i, turn in enumerate(turns))


def _message(turn: Turn, where: str, model: Model) -> Message:
    role = _ROLES.get(turn.role)
    if role is None:
        raise BadRequest(
            f"'{where}.role' must be system, developer, user, assistant or tool.",
            param=f"{where}.role",
        )
    if turn.function_call is not None:
        raise Unsupported(
            f"'{where}.function_call' is not read any more: send the call in 'tool_calls'.",
            param=f"{where}.function_call",
        )
    calls = _calls(turn, where)
    # Beside calls, no content is content enough.
    content = "" if calls and not turn.content else _text(turn, f"{where}.content", model)
    return Message(role, content, turn.name, calls, _answered(turn, where))


def _calls(turn: Turn, where: str) -> tuple[ToolCall, ...]:
    if not turn.tool_calls:
        return ()
    if turn.role != "assistant":
        raise BadRequest(
            f"'{where}.tool_calls': only messages of the role assistant hold calls.",
            param=f"{where}.tool_calls",
        )
    return calls_of(turn.tool_calls, f"{where}.tool_calls")


def _answered(turn: Turn, where: str) -> str | None:
    """The id of the call that a tool's message answers."""
    if turn.role != "tool":
        return None
    if not turn.tool_call_id:
        raise BadRequest(
            f"'{where}.tool_call_id' is missing: a message of the role tool names the call that it "
            "answers.",
            param=f"{where}.tool_call_id",
            code="missing_required_parameter",
        )
    return turn.tool_call_id


def _text(turn: Turn, where: str, model: Model) -> str:
    content = turn.content
    if isinstance(content, str):
        return content
    if not content:
        raise BadRequest(
            f"'{where}' must be a string, or an array with at least one part of type text.",
            param=where,
            code="invalid_value" if content == [] else "missing_required_parameter",
        )
    # As llama-server and vLLM join them.
    return "\n".join(_part(part, f"{where}[{k}]", turn, model) for k, part in enumerate(content))


def _part(part: Part, where: str, turn: Turn, model: Model) -> str:
    if part.type == "text":
        text = part.text
    elif part.type == "refusal" and turn.role == "assistant":
        text = part.refusal
    elif sense := _UNSERVED_PARTS.get(part.type):
        raise Unsupported(
            f"'{where}': the model {model.name!r} has no {sense} here; send parts of type text.",
            param=where,
        )
    else:
        raise BadRequest(f"'{where}.type' must be text.", param=f"{where}.type")
    if text is None:
        raise BadRequest(
            f"'{where}.{part.type}' is missing: it is required.",
            param=f"{where}.{part.type}",
            code="missing_required_parameter",
        )
    return text
