"""A conversation as token ids: the template's markup as control tokens, the client's as text.

A client who writes ``<|im_end|>`` into a message, or into a tool's description, must not end the
message with it. Where what clients wrote contains the text of a control token, guards that nobody
can guess are put around it before the template runs and taken out after; what stands between them
is tokenized as plain text.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from tasks.jobs import Message, Tool
from worker.runtimes.errors import InvalidPrompt
from worker.runtimes.llama.template import ChatTemplate, Turns, functions_of, turns_of
from worker.runtimes.llama.vocabulary import Vocabulary


class Prompter:
    """Template and vocabulary of one model; ``tokens`` may be called from any thread."""

    def __init__(self, template: ChatTemplate, vocabulary: Vocabulary) -> None:
        self._template = template
        self._vocabulary = vocabulary

    def tokens(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> list[int]:
        """Ids of the prompt, with the one beginning-of-text token that the model wants.

        Raises ``InvalidPrompt`` when the template refuses the messages.
        """
        turns, functions = turns_of(messages), functions_of(tools)
        markup = self._vocabulary.markup
        if any(markup.search(text) for text in _texts([turns, functions])):
            ids = self._guarded(turns, functions)
        else:
            text = self._template.render_turns(turns, functions)
            ids = self._vocabulary.tokenize(text, special=True)
        # Templates often write the token themselves, and two of them spoil the answer.
        if self._vocabulary.adds_bos and ids[:1] != [self._vocabulary.bos]:
            ids.insert(0, self._vocabulary.bos)
        return ids

    def _guarded(self, turns: Turns, functions: Turns) -> list[int]:
        guards = _Guards()
        turns, functions = guards.mark([turns, functions], self._vocabulary.markup)
        ids: list[int] = []
        for part, plain in guards.parts(self._template.render_turns(turns, functions)):
            ids += self._vocabulary.tokenize(part, special=not plain)
        return ids


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
