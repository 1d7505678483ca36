"""The two Protocols that every runtime fulfils; ``tests/worker/runtimes`` holds all to them.

A chat runtime has ``slots`` sequences side by side, each with a memory of the tokens that it was
fed. The engine opens a slot with a sampler, feeds it tokens, and closes it; the memory outlives
that, and the next answer in the slot keeps what it can use of it (``keep``), or copies it from
another (``copy``). ``decode`` advances any number of slots in one call. Token ids are the model's
own, and below zero those of what is seen in pictures (``positions``). Nothing here is thread-safe
but ``prompt``, ``pictures``, ``tokenize``, ``piece`` and ``ends``: the engine's loop is the only
caller of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.jobs import Message, Sampling, Tool


@dataclass(frozen=True, slots=True)
class Feed:
    """Tokens to append to one slot; with ``sample``, the token that follows the last is drawn.

    ``mask`` has one truth value per token of the vocabulary: only those that are true may be
    drawn. The last ``guessed`` tokens are guesses: a token is drawn after the one before them,
    and as long as it is the next guess another one after that. What was guessed wrong leaves the
    memory again. ``mask`` and ``guessed`` never come together. With ``scored`` the log
    probabilities of the tokens themselves are wanted, each after those before it.

    ``tokens`` are all of text, or all positions of one piece of a picture, in order.
    """

    slot: int
    tokens: Sequence[int]
    sample: bool
    mask: NDArray[np.bool_] | None = None
    guessed: int = 0
    scored: bool = False


@dataclass(frozen=True, slots=True)
class Sampled:
    """The token drawn for ``slot``; ``logprob`` and ``top`` (id, logprob) only when asked for.

    Log probabilities are natural logarithms of the model's own distribution (before temperature
    and truncation), ``top`` is sorted from the likeliest down. With a ``fault`` nothing could be
    drawn, in this slot alone, and ``token`` means nothing.
    """

    slot: int
    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """How likely a token of a prompt was; ``logprob`` is None for the first, after nothing."""

    token: int
    logprob: float | None
    top: tuple[tuple[int, float], ...] = ()


class Picture(Protocol):
    """A picture that is ready to be fed; whoever holds it holds its pixels."""

    @property
    def digest(self) -> int:
        """What its positions say of whose they are (``positions.picture_of``)."""


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

    @property
    def guesses(self) -> int:
        """Most guessed tokens that one feed may hold; 0 when the runtime takes none."""

    @property
    def scores(self) -> int:
        """Most tokens that are ``scored`` in one call, over all feeds."""

    @property
    def opening(self) -> tuple[int, ...]:
        """What the model wants before any text that it completes; often one token, or none."""

    @property
    def template(self) -> str:
        """Source of the model's chat template, empty when it has none."""

    @property
    def sees(self) -> bool:
        """Whether messages may hold images."""

    @property
    def whole_pictures(self) -> bool:
        """Whether all positions of a picture's piece must come in one feed."""

    def prompt(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> list[int]:
        """The conversation through the model's own chat template, as token ids.

        Of images only the headers are read. Raises ``InvalidPrompt`` when the template refuses
        the messages, or where there are images and the model cannot see.
        """

    def pictures(self, messages: Sequence[Message]) -> tuple[Picture, ...]:
        """What the images in ``messages`` show, for ``open``; each picture once.

        Decoding them takes its time. Raises ``InvalidPrompt`` for what cannot be decoded.
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
        pictures: Sequence[Picture] = (),
    ) -> None:
        """Make a closed ``slot`` ready: a sampler of its own that has seen ``history``.

        ``history`` are the answer's tokens so far (of an earlier attempt), for the penalties.
        ``ban_end`` keeps the end-of-answer tokens from being drawn. Of ``pictures`` positions may
        be fed. Opening an open slot is a ``ValueError``.
        """

    def keep(self, slot: int, tokens: int) -> int:
        """Cut the slot's memory to its first ``tokens`` tokens; how many are left.

        Fewer than asked for (0) when the model's memory cannot be cut, or not within a picture.
        """

    def copy(self, source: int, target: int, tokens: int) -> int:
        """Give ``target`` the first ``tokens`` tokens of ``source``'s memory; how many it has now.

        What ``target`` held is gone. ``source`` may be running.
        """

    def decode(self, feeds: Sequence[Feed]) -> list[Sampled]:
        """Append every feed's tokens to its slot; one ``Sampled`` per feed that asks for one.

        A feed with guesses gives one more for each that held, in order. Raises ``DecodeFailed``
        when the model could not compute the batch; the slots fed, or those that the error names,
        are then in no known state: they must be closed and their memory cut to nothing.
        """

    def scored(self) -> dict[int, list[Scored]]:
        """Per slot fed with ``scored`` in the last ``decode``: how likely its tokens were."""

    def close(self, slot: int) -> None:
        """Forget the slot's sampler, not its memory; closing a closed slot does nothing."""

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

    @property
    def lanes(self) -> int:
        """How many calls of ``embed`` are worth making at the same time."""

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids per text, with the model's own markers; never truncated."""

    def wrap(self, tokens: Sequence[int]) -> list[int]:
        """A client's own token ids with the model's markers put around where they are missing."""

    def embed(self, inputs: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Vectors of unit length, shape (len(inputs), dimensions), in the order of ``inputs``."""

    def shutdown(self) -> None:
        """Return all memory; nothing may be called afterwards."""
