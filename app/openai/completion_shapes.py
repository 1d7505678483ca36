"""The shapes of a completion's answer in JSON, and its log probabilities in OpenAI's old form."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType

from app.openai.counts import TimingsBody, UsageBody
from app.openai.logprobs import bounded
from tasks.events import TokenLogprob

_CONTINUES = 0b1000_0000
_FIRST_BITS = 0b1100_0000


class Logprobs(msgspec.Struct, frozen=True):
    """Four lists of the same length; an offset counts the choice's characters before a token."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class Choice(msgspec.Struct, frozen=True):
    """A choice, whole or in a chunk: text is all there is of it."""

    index: int
    text: str
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class Completion(msgspec.Struct, frozen=True, tag_field="object", tag="text_completion"):
    """A whole answer, or a chunk of one."""

    id: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: UsageBody | UnsetType | None = UNSET
    timings: TimingsBody | UnsetType = UNSET


def logprobs(tokens: Iterable[TokenLogprob], offset: int = 0) -> Logprobs:
    """The log probabilities of tokens that begin ``offset`` characters into the text."""
    shown = Logprobs([], [], [], [])
    for token in tokens:
        inside = bool(token.piece) and token.piece[0] & _FIRST_BITS == _CONTINUES
        shown.tokens.append(_text(token.piece))
        # The rest of a character lies where the character does.
        shown.text_offset.append(max(offset - inside, 0))
        offset += characters(token.piece)
        if token.logprob is None:
            shown.token_logprobs.append(None)
            shown.top_logprobs.append(None)
            continue
        logprob = bounded(token.logprob)
        likeliest = {_text(piece): bounded(other) for piece, other in token.top}
        shown.token_logprobs.append(logprob)
        shown.top_logprobs.append({_text(token.piece): logprob} | likeliest)
    return shown


def characters(piece: bytes) -> int:
    """How many characters begin in ``piece``."""
    return sum(byte & _FIRST_BITS != _CONTINUES for byte in piece)


def _text(piece: bytes) -> str:
    """The token as text; half a character as OpenAI writes it, so that two halves differ."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in piece)
