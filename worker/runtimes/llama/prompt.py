"""A conversation as token ids: the template's markup as control tokens, the client's as text.

A client who writes ``<|im_end|>`` into a message, or into a tool's description, must not end the
message with it. Where what clients wrote contains the text of a control token, guards that nobody
can guess are put around it before the template runs and taken out after; what stands between them
is tokenized as plain text.

An image goes through the template as a word that nobody can guess either, in its place in the
text: that is how llama.cpp renders them too, whatever the template would make of a list of parts.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from tasks.jobs import Message, Tool
from worker.runtimes.errors import InvalidPrompt
from worker.runtimes.llama.template import ChatTemplate, functions_of, turns_of
from worker.runtimes.llama.vocabulary import Vocabulary

See = Callable[[bytes], list[int]]


class Prompter:
    """Template and vocabulary of one model; ``tokens`` may be called from any thread.

    ``see`` makes the ids of an image's file, for a model that sees.
    """

    def __init__(
        self, template: ChatTemplate, vocabulary: Vocabulary, see: See | None = None
    ) -> None:
        self._template = template
        self._vocabulary = vocabulary
        self._see = see

    def tokens(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> list[int]:
        """Ids of the prompt, with the one beginning-of-text token that the model wants.

        Raises ``InvalidPrompt`` when the template refuses the messages, and for images that the
        model cannot see.
        """
        files = [image.data for message in messages for image in message.images]
        ids = self._seen(messages, tools, files) if files else self._read(messages, tools)
        # Templates often write the token themselves, and two of them spoil the answer.
        if self._vocabulary.adds_bos and ids[:1] != [self._vocabulary.bos]:
            ids.insert(0, self._vocabulary.bos)
        return ids

    def _read(self, messages: Sequence[Message], tools: Sequence[Tool]) -> list[int]:
        text, guards = self._rendered(messages, tools)
        return self._tokenized(text, guards)

    def _seen(
        self, messages: Sequence[Message], tools: Sequence[Tool], files: Sequence[bytes]
    ) -> list[int]:
        if self._see is None:
            raise InvalidPrompt(
                "This model cannot see: leave the images out, or ask a model that can."
            )
        markers = _Markers()
        text, guards = self._rendered(markers.mark(messages), tools)
        ids: list[int] = []
        for part, image in markers.parts(text, len(files)):
            ids += self._tokenized(part, guards) if image is None else self._see(files[image])
        return ids

    def _rendered(
        self, messages: Sequence[Message], tools: Sequence[Tool]
    ) -> tuple[str, _Guards | None]:
        turns, functions = turns_of(messages), functions_of(tools)
        markup = self._vocabulary.markup
        guards = None
        if any(markup.search(text) for text in _texts([turns, functions])):
            guards = _Guards()
            turns, functions = guards.mark([turns, functions], markup)
        return self._template.render_turns(turns, functions), guards

    def _tokenized(self, text: str, guards: _Guards | None) -> list[int]:
        if guards is None:
            return self._vocabulary.tokenize(text, special=True)
        ids: list[int] = []
        for part, plain in guards.parts(text):
            ids += self._vocabulary.tokenize(part, special=not plain)
        return ids


class _Markers:
    """A word of hexadecimal digits and a number for each image of a conversation."""

    def __init__(self) -> None:
        self._word = secrets.token_hex(12)
        self._used = 0

    def mark(self, messages: Sequence[Message]) -> list[Message]:
        """The messages with markers in the text instead of images."""
        return [self._marked(message) if message.images else message for message in messages]

    def parts(self, text: str, images: int) -> Iterator[tuple[str, int | None]]:
        """The text cut at the markers; each part is text, or the number of an image.

        Raises ``InvalidPrompt`` when the template left an image out.
        """
        found = re.split(f"{self._word}x([0-9]+)x", text)
        if {int(number) for number in found[1::2]} != set(range(images)):
            raise InvalidPrompt(
                "The model's chat template leaves images out: send them in messages of the user."
            )
        for place, part in enumerate(found):
            if place % 2:
                yield "", int(part)
            elif part:
                yield part, None

    def _marked(self, message: Message) -> Message:
        content, done = "", 0
        for image in message.images:
            content += f"{message.content[done : image.at]}{self._word}x{self._used}x"
            done = max(done, image.at)
            self._used += 1
        content += message.content[done:]
        return msgspec.structs.replace(message, content=content, images=())


class _Guards:
    """Two words of hexadecimal digits, which no template and no JSON writes otherwise."""

    def __init__(self) -> None:
        self._before = secrets.token_hex(12)
        self._after = secrets.token_hex(12)

    def mark(self, value: Any, markup: re.Pattern[str]) -> Any:
        """``value`` with guards around all markup in the texts within it, keys included."""
        if isinstance(value, str):
            return markup.sub(lambda found: f"{self._before}{found[0]}{self._after}", value)
        if isinstance(value, list):
            return [self.mark(each, markup) for each in value]
        if isinstance(value, dict):
            return {self.mark(k, markup): self.mark(each, markup) for k, each in value.items()}
        return value

    def parts(self, text: str) -> Iterator[tuple[str, bool]]:
        """The text cut at the guards; with each part, whether it stood between two.

        Raises ``InvalidPrompt`` when the template cut a pair apart.
        """
        for number, part in enumerate(re.split(f"(?s){self._before}(.*?){self._after}", text)):
            if self._before in part or self._after in part:
                raise InvalidPrompt(
                    "The model's chat template shortens what it is given, and the messages hold "
                    "text that stands for control tokens: leave that text out."
                )
            yield part, number % 2 == 1


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _texts(each)
