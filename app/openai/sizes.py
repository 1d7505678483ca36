"""How large texts are, and how many tokens they can be at most, without a tokenizer.

A token covers at least one byte, so a text has at most as many tokens as bytes, plus what a chat
template puts around the conversation and around each message, or the model at a prompt's start. How
many an image takes, its model's worker alone knows.
"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.jobs import ChatJob, CompletionJob, Message

TEMPLATE_TOKENS = 64
MESSAGE_TOKENS = 16
MARKER_TOKENS = 2


def utf8_bytes(text: str) -> int:
    """The length of ``text`` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def conversation_bytes(messages: Iterable[Message]) -> int:
    """UTF-8 bytes of the contents, names and calls, the template's own text not counted."""
    size = 0
    for message in messages:
        size += utf8_bytes(message.content) + utf8_bytes(message.name or "")
        for call in message.tool_calls:
            size += utf8_bytes(call.name) + utf8_bytes(call.arguments)
    return size


def most_tokens(job: ChatJob | CompletionJob) -> int:
    """An upper bound of the tokens that the longest prompt and its answer need."""
    return _most_of_prompt(job) + (job.max_tokens or 1)


def _most_of_prompt(job: ChatJob | CompletionJob) -> int:
    if isinstance(job, ChatJob):
        around = TEMPLATE_TOKENS + MESSAGE_TOKENS * len(job.messages)
        return conversation_bytes(job.messages) + around
    sizes = [*map(utf8_bytes, job.texts), *map(len, job.tokens)]
    return max(sizes, default=0) + MARKER_TOKENS
