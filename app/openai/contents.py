"""A message's content as clients send it: one text, and where in it the images stand.

Texts are joined as llama-server joins them: with a line's end between two texts, and with nothing
where an image stands between them. An image stands before the character ``at`` of that text: right
behind the text part before it. Those of ``image_urls`` come behind everything else.

What an image is has no say here: only who may show one, to whom, and at what address.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.openai.errors import BadRequest, Unsupported
from tasks.model import Model

_UNSERVED_PARTS = {"input_audio": "hearing", "file": "file reading"}


class Part(msgspec.Struct):
    """A piece of a message's content; parts of other types than these carry other fields."""

    type: str
    text: str | None = None
    refusal: str | None = None
    # Looked at by hand, so that a refusal names the place.
    image_url: Any = None


@dataclass(frozen=True, slots=True)
class Speaker:
    """Whose content it is, and who is to read it; ``where`` is the message's place.

    ``text_part`` and ``image_part`` are the types of parts as the endpoint calls them, ``field``
    is where they are.
    """

    role: str
    where: str
    model: Model
    text_part: str = "text"
    image_part: str = "image_url"
    field: str = "content"

    @property
    def types(self) -> str:
        """The types of parts that may be sent, in words."""
        return f"{self.text_part} or {self.image_part}" if self.model.sees else self.text_part


@dataclass(frozen=True, slots=True)
class Shown:
    """An image's URL, its place in the text, and the parameter that holds the URL."""

    at: int
    url: str
    param: str


@dataclass(slots=True)
class Content:
    """What was said and shown so far."""

    images: list[Shown] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _length: int = 0
    _joins: bool = False

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(self._texts)

    def say(self, text: str) -> None:
        """Add a text; in a line of its own when it follows another."""
        if self._joins:
            text = f"\n{text}"
        self._texts.append(text)
        self._length += len(text)
        self._joins = True

    def show(self, url: str, param: str) -> None:
        """Add an image behind what was said."""
        self.images.append(Shown(self._length, url, param))
        self._joins = False


def content_of(content: str | list[Part] | None, image_urls: Any, speaker: Speaker) -> Content:
    """The content of a message, its images' URLs unread; ``BadRequest`` names the part at fault."""
    found = Content()
    urls = _urls(image_urls, speaker)
    if isinstance(content, str):
        found.say(content)
    elif content:
        for index, part in enumerate(content):
            _add(part, f"{speaker.where}.{speaker.field}[{index}]", speaker, found)
    elif not urls:
        raise _nothing(content, speaker)
    for index, url in enumerate(urls):
        found.show(url, f"{speaker.where}.image_urls[{index}]")
    return found


def _nothing(content: list[Part] | None, speaker: Speaker) -> BadRequest:
    where = f"{speaker.where}.{speaker.field}"
    return BadRequest(
        f"'{where}' must be a string, or an array with at least one part of type "
        f"{speaker.text_part}.",
        param=where,
        code="invalid_value" if content == [] else "missing_required_parameter",
    )


def _add(part: Part, where: str, speaker: Speaker, found: Content) -> None:
    if part.type == "text":
        found.say(_given(part.text, f"{where}.text"))
    elif part.type == "refusal" and speaker.role == "assistant":
        found.say(_given(part.refusal, f"{where}.refusal"))
    elif part.type == "image_url":
        _check_shows(speaker, where)
        found.show(*_image_url(part.image_url, f"{where}.image_url"))
    elif sense := _UNSERVED_PARTS.get(part.type):
        raise _senseless(speaker, where, sense)
    else:
        raise BadRequest(f"'{where}.type' must be {speaker.types}.", param=f"{where}.type")


def _check_shows(speaker: Speaker, where: str) -> None:
    if not speaker.model.sees:
        raise _senseless(speaker, where, "vision")
    if speaker.role != "user":
        raise BadRequest(f"'{where}': only messages of the role user hold images.", param=where)


def _senseless(speaker: Speaker, where: str, sense: str) -> Unsupported:
    return Unsupported(
        f"'{where}': the model {speaker.model.name!r} has no {sense} here; send parts of type "
        f"{speaker.types}.",
        param=where,
    )


def _image_url(value: Any, where: str) -> tuple[str, str]:
    """The URL in a part's ``image_url``: an object's, as OpenAI has it, or the plain string.

    ``detail`` says nothing here: a model looks at every image in its own one way.
    """
    if isinstance(value, dict):
        where = f"{where}.url"
        value = value.get("url")
    return _string(_given(value, where), where), where


def _urls(value: Any, speaker: Speaker) -> list[str]:
    """The message's ``image_urls``."""
    if not value and (value is None or isinstance(value, list)):
        return []
    where = f"{speaker.where}.image_urls"
    if not isinstance(value, list):
        raise BadRequest(
            f"'{where}' must be an array of strings.", param=where, code="invalid_type"
        )
    _check_shows(speaker, where)
    return [_string(url, f"{where}[{index}]") for index, url in enumerate(value)]


def _given(value: Any, where: str) -> Any:
    if value is None:
        raise BadRequest(
            f"'{where}' is missing: it is required.",
            param=where,
            code="missing_required_parameter",
        )
    return value


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise BadRequest(f"'{where}' must be a string.", param=where, code="invalid_type")
    return value
