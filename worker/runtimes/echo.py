"""Runtimes without a model, for tests, demos and load: the answer is known beforehand.

They keep the contract of the real ones to the letter, and the timing that they are told to.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tasks.jobs import Message, Sampling, Tool
from worker.runtimes import echo_pictures
from worker.runtimes.base import Feed, Picture, Sampled, Scored
from worker.runtimes.echo_tokens import (
    ANSWER,
    CONTENT,
    END,
    ROLE,
    SILENCE,
    VOCABULARY,
    decode,
    encode,
    encode_markup,
    reply,
    single,
)
from worker.runtimes.errors import InvalidPrompt
from worker.runtimes.sampling import check

RELEASE = "echo 1"
"""Counted up when an echo says something else than it did."""

_BATCH_TOKENS = 2048

_SCORES = 64


@dataclass(slots=True)
class _Slot:
    history: int
    top_logprobs: int | None
    ban_end: bool
    pictures: frozenset[int]
    reply: list[int] | None = None
    answered: int = 0

    def next(self, memory: list[int]) -> int:
        """The reply's token after the ones fed so far."""
        if self.reply is None:
            said, self.answered = reply(memory, self.history)
            self.reply = echo_pictures.told(said)
        if self.answered < len(self.reply):
            return self.reply[self.answered]
        if not self.ban_end:
            return END
        return self.reply[self.answered % len(self.reply)] if self.reply else SILENCE


class EchoChat:
    """A ``ChatRuntime`` that says the last user message back, token by token.

    With ``tokens_per_s`` every ``decode`` takes a token's time, however many slots it advances.
    One that ``sees`` names the pictures that were in the message, in their places.
    """

    def __init__(
        self,
        *,
        slots: int,
        context: int,
        tokens_per_s: float = 0.0,
        guesses: int = 0,
        sees: bool = False,
    ) -> None:
        self._guesses = guesses
        self._sees = sees
        self._slots: list[_Slot | None] = [None] * slots
        self._memory: list[list[int]] = [[] for _ in range(slots)]
        self._scored: dict[int, list[Scored]] = {}
        self._context = context
        self._step_s = 1 / tokens_per_s if tokens_per_s else 0.0
        self._due_s = 0.0

    @property
    def slots(self) -> int:
        """How many sequences can be open at once."""
        return len(self._slots)

    @property
    def context(self) -> int:
        """Most tokens, prompt and answer together, that one slot holds."""
        return self._context

    @property
    def batch_tokens(self) -> int:
        """Most tokens over all feeds of one ``decode`` call."""
        return _BATCH_TOKENS

    @property
    def vocabulary(self) -> int:
        """Token ids run from 0 to one less than this."""
        return VOCABULARY

    @property
    def guesses(self) -> int:
        """Most guessed tokens that one feed may hold."""
        return self._guesses

    @property
    def scores(self) -> int:
        """Most tokens that are ``scored`` in one call, over all feeds."""
        return _SCORES

    @property
    def opening(self) -> tuple[int, ...]:
        """Nothing goes before a text."""
        return ()

    @property
    def template(self) -> str:
        """No template: the markup is fixed."""
        return ""

    @property
    def sees(self) -> bool:
        """Whether messages may hold images."""
        return self._sees

    @property
    def whole_pictures(self) -> bool:
        """Positions of a picture may be fed one by one."""
        return False

    def prompt(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> list[int]:  # noqa: ARG002 (an echo calls nothing)
        """Role and content of every message between markers; at least one is needed."""
        if not messages:
            raise InvalidPrompt("There is no message to echo.")
        ids: list[int] = []
        for message in messages:
            ids += [ROLE, *encode(message.role), CONTENT]
            ids += [*echo_pictures.content(message, sees=self._sees), END]
        return [*ids, ANSWER]

    def pictures(self, messages: Sequence[Message]) -> tuple[Picture, ...]:
        """What the images in ``messages`` show, for ``open``; each picture once."""
        return echo_pictures.shown(messages)

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of plain text; with ``special``, markup in it becomes control tokens."""
        return encode_markup(text) if special else encode(text)

    def piece(self, token: int) -> bytes:
        """The token's bytes, perhaps half a character; empty for control tokens."""
        return decode(token)

    def ends(self, token: int) -> bool:
        """Whether the answer ends with this token."""
        return token == END

    def open(
        self,
        slot: int,
        sampling: Sampling,
        history: Sequence[int] = (),
        *,
        seed: int,  # noqa: ARG002 (nothing is left to chance)
        top_logprobs: int | None = None,
        ban_end: bool = False,
        pictures: Sequence[Picture] = (),
    ) -> None:
        """Make a closed ``slot`` ready; ``sampling`` is checked and then ignored."""
        if self._slots[slot] is not None:
            raise ValueError(f"slot {slot} is already open")
        check(sampling)
        known = frozenset(picture.digest for picture in pictures)
        self._slots[slot] = _Slot(len(history), top_logprobs, ban_end, known)

    def keep(self, slot: int, tokens: int) -> int:
        """Cut the slot's memory to its first ``tokens`` tokens; how many are left."""
        del self._memory[slot][tokens:]
        return len(self._memory[slot])

    def copy(self, source: int, target: int, tokens: int) -> int:
        """Give ``target`` the first ``tokens`` tokens of ``source``'s memory."""
        self._memory[target] = self._memory[source][:tokens]
        return len(self._memory[target])

    def decode(self, feeds: Sequence[Feed]) -> list[Sampled]:
        """Append every feed's tokens to its slot; one ``Sampled`` per feed that asks for one."""
        if sum(len(feed.tokens) for feed in feeds) > _BATCH_TOKENS:
            raise ValueError(f"a batch holds {_BATCH_TOKENS} tokens")
        sampled: list[Sampled] = []
        self._scored = {}
        for feed in feeds:
            sampled.extend(self._advance(feed))
        if feeds and self._step_s:
            self._pace()
        return sampled

    def scored(self) -> dict[int, list[Scored]]:
        """Per slot fed with ``scored`` in the last ``decode``: how likely its tokens were."""
        return self._scored

    def close(self, slot: int) -> None:
        """Forget the slot's sampler, not its memory; closing a closed slot does nothing."""
        self._slots[slot] = None

    def shutdown(self) -> None:
        """Return all memory; nothing may be called afterwards."""
        self._slots.clear()
        self._memory.clear()

    def _advance(self, feed: Feed) -> list[Sampled]:
        slot, memory = self._slots[feed.slot], self._memory[feed.slot]
        if slot is None:
            raise ValueError(f"slot {feed.slot} is not open")
        if feed.mask is not None:
            raise ValueError("an echo cannot be bent to a grammar: its vocabulary has no end")
        if not 0 < len(feed.tokens) <= self._context - len(memory):
            raise ValueError(
                f"a slot holds 1 to {self._context} tokens, not {len(memory) + len(feed.tokens)}"
            )
        if feed.tokens[0] < 0:
            echo_pictures.check(feed, slot.pictures)
        certain = len(feed.tokens) - feed.guessed
        if feed.scored:
            self._scored[feed.slot] = [
                Scored(token, -math.log(2) if memory or place else None)
                for place, token in enumerate(feed.tokens)
            ]
        self._append(slot, memory, feed.tokens[:certain])
        if not feed.sample:
            return []
        drawn = [self._drawn(feed, slot, memory)]
        for guess in feed.tokens[certain:]:
            if guess != drawn[-1].token:
                break
            self._append(slot, memory, (guess,))
            drawn.append(self._drawn(feed, slot, memory))
        return drawn

    def _append(self, slot: _Slot, memory: list[int], tokens: Sequence[int]) -> None:
        memory += tokens
        if slot.reply is not None:
            slot.answered += len(tokens)

    def _drawn(self, feed: Feed, slot: _Slot, memory: list[int]) -> Sampled:
        return _sampled(feed.slot, slot.next(memory), slot.top_logprobs)

    def _pace(self) -> None:
        # Due times are summed, so that what the caller does between two steps costs no speed.
        now = time.monotonic()
        self._due_s = max(self._due_s, now - self._step_s) + self._step_s
        time.sleep(max(self._due_s - now, 0.0))


def _sampled(slot: int, token: int, top: int | None) -> Sampled:
    """Rank r has probability 2^-(r+1), and the token of the reply is always the likeliest."""
    if top is None:
        return Sampled(slot, token)
    others = (each for code in range(256) if (each := single(code)) != token)
    ranked = [token, *islice(others, max(top - 1, 0))][:top]
    return Sampled(
        slot,
        token,
        logprob=-math.log(2),
        top=tuple((each, -math.log(2) * (rank + 1)) for rank, each in enumerate(ranked)),
    )


class EchoEmbed:
    """An ``EmbedRuntime`` whose vectors are hashes: equal texts are equal, others unrelated."""

    def __init__(self, *, context: int, dimensions: int = 384) -> None:
        self._context = context
        self._dimensions = dimensions

    @property
    def context(self) -> int:
        """Most tokens of one input, the markers included."""
        return self._context

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._dimensions

    @property
    def vocabulary(self) -> int:
        """Token ids run from 0 to one less than this."""
        return VOCABULARY

    @property
    def lanes(self) -> int:
        """How many calls of ``embed`` are worth making at the same time."""
        return 2

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids per text between the two markers; never truncated."""
        return [self.wrap(encode(text)) for text in texts]

    def wrap(self, tokens: Sequence[int]) -> list[int]:
        """A client's own token ids with the markers put around where they are missing."""
        ids = list(tokens)
        if ids[:1] != [CONTENT]:
            ids.insert(0, CONTENT)
        if ids[-1:] != [END]:
            ids.append(END)
        return ids

    def embed(self, inputs: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Vectors of unit length, in the order of ``inputs``."""
        vectors = np.empty((len(inputs), self._dimensions), dtype=np.float32)
        for row, tokens in enumerate(inputs):
            vectors[row] = self._vector(tokens)
        return vectors

    def shutdown(self) -> None:
        """Return all memory; nothing may be called afterwards."""

    def _vector(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        digest = hashlib.shake_256(np.asarray(tokens, dtype="<i8").tobytes())
        raw = np.frombuffer(digest.digest(4 * self._dimensions), dtype="<i4").astype(np.float64)
        unit: NDArray[np.float32] = (raw / np.linalg.norm(raw)).astype(np.float32)
        return unit
