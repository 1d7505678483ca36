"""The two Protocols that every runtime fulfils; ``tests/worker/runtimes`` holds all to them.

A chat runtime has ``slots`` sequences side by side. The engine opens a slot with a sampler, feeds
it tokens, and closes it; ``decode`` advances any number of slots in one call. Token ids are the
model's own. Nothing here is thread-safe but ``prompt``, ``tokenize``, ``piece`` and ``ends``: the
engine's loop is the only caller of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.jobs import Message, Sampling


@dataclass(frozen=True, slots=True)
class Feed:
    """Tokens to append to one slot; with ``sample``, the token that follows the last is drawn."""

    slot: int
    tokens: Sequence[int]
    sample: bool


@dataclass(frozen=True, slots=True)
class Sampled:
    """The token drawn for ``slot``; ``logprob`` and ``top`` (id, logprob) only when asked for.

    Log probabilities are natural logarithms of the model's own distribution (before temperature
    and truncation), ``top`` is sorted from the likeliest down.
    """

    slot: int
    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class ChatRuntime(Protocol):
    """Sequences of one causal language model."""

    @property
    def slots(self) -> int:
        """How many sequences can be open at once."""

    @property
    def context(self) -> int:
        """Most tokens, prompt and answer together, that one slot holds."""

    @property
    def batch_tokens(self) -> int:
        """Most tokens over all feeds of one ``decode`` call."""

    @property
    def vocabulary(self) -> int:
        """Token ids run from 0 to one less than this."""

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The conversation through the model's own chat template, as token ids.

        Raises ``InvalidPrompt`` when the template refuses the messages.
        """

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of plain text; with ``special``, markup in it becomes control tokens."""

    def piece(self, token: int) -> bytes:
        """The token's bytes, perhaps half a character; empty for control tokens."""

    def ends(self, token: int) -> bool:
        """Whether the model ends its answer with this token."""

    def open(
        self,
        slot: int,
        sampling: Sampling,
        history: Sequence[int] = (),
        *,
        seed: int,
        top_logprobs: int | None = None,
        ban_end: bool = False,
    ) -> None:
        """Make an empty ``slot`` ready: a sampler of its own that has seen ``history``.

        ``history`` are the answer's tokens so far (of an earlier attempt), for the penalties.
        ``ban_end`` keeps the end-of-answer tokens from being drawn. Opening an open slot is a
        ``ValueError``.
        """

    def decode(self, feeds: Sequence[Feed]) -> list[Sampled]:
        """Append every feed's tokens to its slot; one ``Sampled`` per feed that asks for one.

        Raises ``DecodeFailed`` when the model could not compute the batch; the slots fed are
        then in no known state and must be closed.
        """

    def close(self, slot: int) -> None:
        """Forget the slot's tokens and sampler; closing a closed slot does nothing."""

    def shutdown(self) -> None:
        """Return all memory; nothing may be called afterwards."""


class EmbedRuntime(Protocol):
    """Sentence vectors of one embedding model; every method may be called from any thread."""

    @property
    def context(self) -> int:
        """Most tokens of one input, the model's own markers included."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    @property
    def vocabulary(self) -> int:
        """Token ids run from 0 to one less than this."""

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids per text, with the model's own markers; never truncated."""

    def wrap(self, tokens: Sequence[int]) -> list[int]:
        """A client's own token ids with the model's markers put around where they are missing."""

    def embed(self, inputs: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Vectors of unit length, shape (len(inputs), dimensions), in the order of ``inputs``."""

    def shutdown(self) -> None:
        """Return all memory; nothing may be called afterwards."""
