"""The items of a response's input to the messages of a job.

Calls are items of their own here, and in a chat part of an assistant's message: calls that follow
one another, and the assistant's message before them, become one message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from app.images.reading import Images
from app.openai.contents import Content, Part, Speaker, content_of
from app.openai.errors import BadRequest, Unsupported
from app.openai.forms import check_name
from app.openai.messages import with_images
from app.openai.responses.fields import InputItem, InputPart
from app.openai.tools import missing
from tasks.jobs import Message, ToolCall
from tasks.model import Model

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}

_PARTS = {
    "input_text": "text",
    "output_text": "text",
    "input_image": "image_url",
    "input_file": "file",
}
"""Types of parts as chats call them; the others have the same name, or none."""

# What a model thought before it answered is no part of what was said.
_UNSAID = "reasoning"


@dataclass(slots=True)
class _Turn:
    role: str
    content: Content
    calls: tuple[ToolCall, ...] = ()
    answers: str | None = None

    def message(self) -> Message:
        return Message(self.role, self.content.text, None, self.calls, self.answers)


def messages_of_input(
    instructions: str | None, given: str | Sequence[InputItem], model: Model, images: Images
) -> tuple[Message, ...]:
    """The conversation, the instructions first; a refusal names the item and the part at fault."""
    turns = [*_instructed(instructions), *_turns(given, model)]
    if not turns:
        raise BadRequest("'input' must hold at least one message.", param="input")
    return with_images([(turn.message(), turn.content) for turn in turns], images)


def _instructed(instructions: str | None) -> Iterator[_Turn]:
    if instructions:
        yield _Turn("system", _said(instructions))


def _turns(given: str | Sequence[InputItem], model: Model) -> list[_Turn]:
    if isinstance(given, str):
        return [_Turn("user", _said(given))]
    turns: list[_Turn] = []
    for index, item in enumerate(given):
        where = f"input[{index}]"
        match item.type:
            case "message":
                turns.append(_message(item, where, model))
            case None if item.role is not None:
                turns.append(_message(item, where, model))
            case "function_call":
                _add_call(turns, _call(item, where))
            case "function_call_output":
                turns.append(_output(item, where, model))
            case other if other != _UNSAID:
                raise _unknown(item, where)
    return turns


def _said(text: str) -> Content:
    content = Content()
    content.say(text)
    return content


def _message(item: InputItem, where: str, model: Model) -> _Turn:
    role = _ROLES.get(item.role or missing(f"{where}.role"))
    if role is None:
        raise BadRequest(
            f"'{where}.role' must be user, assistant, system or developer.", param=f"{where}.role"
        )
    return _Turn(role, _content(item.content, _speaker(role, where, model)))


def _add_call(turns: list[_Turn], call: ToolCall) -> None:
    if not turns or turns[-1].role != "assistant":
        turns.append(_Turn("assistant", _said("")))
    turns[-1].calls += (call,)


def _call(item: InputItem, where: str) -> ToolCall:
    name = check_name(missing(f"{where}.name") if item.name is None else item.name, f"{where}.name")
    if not isinstance(item.arguments, str):
        raise BadRequest(
            f"'{where}.arguments' must be a string of JSON.",
            param=f"{where}.arguments",
            code="missing_required_parameter" if item.arguments is None else "invalid_type",
        )
    return ToolCall(item.call_id or missing(f"{where}.call_id"), name, item.arguments)


def _output(item: InputItem, where: str, model: Model) -> _Turn:
    answers = item.call_id or missing(f"{where}.call_id")
    if item.output is None:
        missing(f"{where}.output")
    speaker = replace(_speaker("tool", where, model), field="output")
    return _Turn("tool", _content(_output_content(item.output, where), speaker), answers=answers)


def _output_content(output: Any, where: str) -> str | list[InputPart]:
    try:
        return msgspec.convert(output, str | list[InputPart])
    except msgspec.ValidationError:
        raise BadRequest(
            f"'{where}.output' must be a string, or an array of parts of type input_text.",
            param=f"{where}.output",
            code="invalid_type",
        ) from None


def _speaker(role: str, where: str, model: Model) -> Speaker:
    own = "output_text" if role == "assistant" else "input_text"
    return Speaker(role, where, model, own, "input_image")


def _content(content: str | list[InputPart] | None, speaker: Speaker) -> Content:
    if not isinstance(content, list):
        return content_of(content, None, speaker)
    parts = [_part(part, f"{speaker.where}.{speaker.field}[{i}]") for i, part in enumerate(content)]
    return content_of(parts, None, speaker)


def _part(part: InputPart, where: str) -> Part:
    if part.type == "input_image" and part.image_url is None and part.file_id is not None:
        raise Unsupported(
            f"'{where}.file_id' is not read: send the image itself in 'image_url', as a data URL.",
            param=f"{where}.file_id",
        )
    return Part(_PARTS.get(part.type, part.type), part.text, part.refusal, part.image_url)


def _unknown(item: InputItem, where: str) -> BadRequest:
    if item.type == "item_reference":
        return Unsupported(
            f"'{where}' refers to an item that is not kept: responses are stateless here. Send the"
            " item itself.",
            param=where,
        )
    return Unsupported(
        f"'{where}.type' must be message, function_call or function_call_output: other items are"
        " not served.",
        param=f"{where}.type",
    )
