"""A conversation as token ids: the template's markup as control tokens, the client's as text.

A client who writes ``<|im_end|>`` into a message must not end the message with it. Where a
message contains the text of a control token, a guard that nobody can guess is put inside before
the template runs and taken out after; what it marks is tokenized as plain text.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

import msgspec

from tasks.jobs import Message
from worker.runtimes.llama.template import ChatTemplate
from worker.runtimes.llama.vocabulary import Vocabulary


class Prompter:
    """Template and vocabulary of one model; ``tokens`` may be called from any thread."""

    def __init__(self, template: ChatTemplate, vocabulary: Vocabulary) -> None:
        self._template = template
        self._vocabulary = vocabulary

    def tokens(self, messages: Sequence[Message]) -> list[int]:
        """Ids of the prompt, with the one beginning-of-text token that the model wants.

        Raises ``InvalidPrompt`` when the template refuses the messages.
        """
        markup = self._vocabulary.markup
        if any(markup.search(text) for message in messages for text in _texts(message)):
            ids = self._guarded(messages)
        else:
            ids = self._vocabulary.tokenize(self._template.render(messages), special=True)
        # Templates often write the token themselves, and two of them spoil the answer.
        if self._vocabulary.adds_bos and ids[:1] != [self._vocabulary.bos]:
            ids.insert(0, self._vocabulary.bos)
        return ids

    def _guarded(self, messages: Sequence[Message]) -> list[int]:
        guard = f"\ufdd0{secrets.token_hex(8)}\ufdd1"
        marked = [_mark(message, self._vocabulary.markup, guard) for message in messages]
        text = self._template.render(marked)
        ids: list[int] = []
        # Odd parts are what a message contained: "<" + guard + "|im_end|>" + guard.
        for index, part in enumerate(text.split(guard)):
            ids += self._vocabulary.tokenize(part, special=index % 2 == 0)
        return ids


def _texts(message: Message) -> tuple[str, ...]:
    return (message.role, message.content, message.name or "")


def _mark(message: Message, markup: re.Pattern[str], guard: str) -> Message:
    def mark(text: str) -> str:
        return markup.sub(lambda found: f"{guard}{found[0]}{guard}", text)

    return msgspec.structs.replace(
        message,
        role=mark(message.role),
        content=mark(message.content),
        name=None if message.name is None else mark(message.name),
    )
