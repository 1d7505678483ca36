"""The token ids of the echo runtimes: readable by any process, without a vocabulary.

A token is up to three bytes of UTF-8, packed into its own id together with their number. Control
tokens have the ids below 256.
"""

from __future__ import annotations

import re

END, ROLE, CONTENT, ANSWER = 0, 1, 2, 3
_MARKUP = {"<|end|>": END, "<|role|>": ROLE, "<|content|>": CONTENT, "<|answer|>": ANSWER}
_SPLIT = re.compile("(" + "|".join(map(re.escape, _MARKUP)) + ")")
_BYTES_PER_TOKEN = 3

VOCABULARY = (_BYTES_PER_TOKEN + 1) << 24
SILENCE = (1 << 24) | ord(".")
"""What is said for ever where an empty answer must not end."""


def encode(text: str) -> list[int]:
    """Ids of plain text; a lone surrogate is read as a question mark."""
    data = text.encode("utf-8", "replace")
    chunks = (data[i : i + _BYTES_PER_TOKEN] for i in range(0, len(data), _BYTES_PER_TOKEN))
    return [len(chunk) << 24 | int.from_bytes(chunk, "big") for chunk in chunks]


def encode_markup(text: str) -> list[int]:
    """Ids of text whose markup, like ``<|end|>``, stands for control tokens."""
    ids: list[int] = []
    for part in _SPLIT.split(text):
        ids += [_MARKUP[part]] if part in _MARKUP else encode(part)
    return ids


def decode(token: int) -> bytes:
    """The bytes of ``token``; none for control tokens and for ids that there are not."""
    length = token >> 24
    return (token & 0xFFFFFF).to_bytes(3, "big")[3 - length :] if 0 < length <= 3 else b""


def single(byte: int) -> int:
    """The token of one byte."""
    return 1 << 24 | byte


def reply(fed: list[int], history: int) -> tuple[list[int], int]:
    """The last user message in the tokens ``fed``, and how many of the answer were fed already.

    A prompt that ``EchoChat.prompt`` did not make is answered with itself; ``history``, the length
    of the answer so far, tells where it ends.
    """
    if ANSWER not in fed:
        prompt = len(fed) - history
        return fed[:prompt], history
    start = fed.index(ANSWER)
    user = [ROLE, *encode("user"), CONTENT]
    for at in range(start - len(user), -1, -1):
        if fed[at : at + len(user)] == user:
            body = fed[at + len(user) : start]
            return body[: body.index(END)] if END in body else body, len(fed) - start - 1
    return [], len(fed) - start - 1
