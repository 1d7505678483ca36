"""A conversation as clients send it to the messages of a job: roles, parts, calls and answers.

Images are read last, when nothing else is wrong with the conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from app.images.reading import Images
from app.images.refusal import ImageRefused
from app.openai.contents import Content, Part, Shown, Speaker, content_of
from app.openai.errors import BadRequest, Unsupported
from app.openai.tools import ToolCallList, calls_of
from tasks.jobs import Image, Message, ToolCall
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

Read = Callable[[Shown], bytes]

DATA_URLS_ONLY = Images()
"""Images as they are read where no settings say otherwise."""


class Turn(msgspec.Struct):
    """A message as sent: its content a string, or parts; ``image_urls`` are ours, a shorthand."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: ToolCallList | None = None
    tool_call_id: str | None = None
    function_call: Any = None
    image_urls: Any = None


def messages_of(
    turns: Sequence[Turn], model: Model, images: Images = DATA_URLS_ONLY
) -> tuple[Message, ...]:
    """The conversation's turns, in order; a refusal names the turn and the part at fault."""
    told = [_message(turn, f"messages[{i}]", model) for i, turn in enumerate(turns)]
    return with_images(told, images)


def with_images(told: Sequence[tuple[Message, Content]], images: Images) -> tuple[Message, ...]:
    """The messages with the images of their contents, which are read now."""
    _check_count([shown for _, content in told for shown in content.images], images)
    read = _reader(images)
    return tuple(_with_images(message, content.images, read) for message, content in told)


def _message(turn: Turn, where: str, model: Model) -> tuple[Message, Content]:
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
    said = "" if calls and not turn.content else turn.content
    content = content_of(said, turn.image_urls, Speaker(turn.role, where, model))
    message = Message(role, content.text, turn.name, calls, _answered(turn, where))
    return message, content


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


def _check_count(shown: Sequence[Shown], images: Images) -> None:
    """The limit is the request's, whichever messages its images are in."""
    most = images.limits.count
    if len(shown) > most:
        raise BadRequest(
            f"'{shown[most].param}': a request may have at most {most} images, and this one has "
            f"{len(shown)}: send fewer.",
            param=shown[most].param,
            code="too_many_images",
        )


def _with_images(message: Message, shown: Sequence[Shown], read: Read) -> Message:
    if not shown:
        return message
    return replace(message, images=tuple(Image(one.at, read(one)) for one in shown))


def _reader(images: Images) -> Read:
    """Reads each image once, though a conversation may show it again."""
    known: dict[str, bytes] = {}

    def read(shown: Shown) -> bytes:
        if shown.url not in known:
            try:
                known[shown.url] = images.read(shown.url)
            except ImageRefused as refusal:
                raise BadRequest(
                    f"'{shown.param}': {refusal.reason}.", param=shown.param, code=refusal.code
                ) from None
        return known[shown.url]

    return read
