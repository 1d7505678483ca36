"""The samplers of all slots: which token comes next, from the logits of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.jobs import Sampling
from worker.runtimes.base import Feed, Sampled
from worker.runtimes.llama import logits
from worker.runtimes.llama.candidates import Candidates
from worker.runtimes.llama.sampler import Chain
from worker.runtimes.llama.vocabulary import Vocabulary


@dataclass(slots=True)
class _Open:
    chain: Chain
    top_logprobs: int | None


class Samplers:
    """One chain for each slot that is open; ``context`` is how many tokens a slot holds."""

    def __init__(self, slots: int, vocabulary: Vocabulary, *, context: int) -> None:
        self._open: list[_Open | None] = [None] * slots
        self._vocabulary = vocabulary
        self._candidates = Candidates(vocabulary.size)
        self._context = context

    def __len__(self) -> int:
        return len(self._open)

    def open(
        self,
        slot: int,
        sampling: Sampling,
        history: Sequence[int],
        *,
        seed: int,
        top_logprobs: int | None,
        ban_end: bool,
    ) -> None:
        """Make a chain that has seen ``history``; ``ValueError`` for what cannot be computed."""
        if self._open[slot] is not None:
            raise ValueError(f"slot {slot} is already open")
        chain = Chain(
            sampling,
            self._vocabulary,
            history,
            context=self._context,
            seed=seed,
            ban_end=ban_end,
        )
        self._open[slot] = _Open(chain, top_logprobs)

    def close(self, slot: int) -> None:
        """Free the slot's chain, if it has one."""
        state = self._open[slot]
        if state is not None:
            self._open[slot] = None
            state.chain.close()

    def of(self, slot: int) -> _Open:
        """The slot's chain; ``ValueError`` when it is closed."""
        state = self._open[slot]
        if state is None:
            raise ValueError(f"slot {slot} is not open")
        return state

    def draw(self, feed: Feed, rows: logits.Rows) -> list[Sampled]:
        """One token, and one more after each guess that held."""
        state = self.of(feed.slot)
        guesses = feed.tokens[len(feed.tokens) - feed.guessed :]
        drawn: list[Sampled] = []
        for row in rows:
            drawn.append(self._draw_one(state, feed, row))
            if drawn[-1].fault or len(drawn) > len(guesses):
                break
            if drawn[-1].token != guesses[len(drawn) - 1]:
                break
        return drawn

    def _draw_one(self, state: _Open, feed: Feed, row: logits.Rows) -> Sampled:
        if fault := logits.fault(row):
            return Sampled(feed.slot, -1, fault=fault)
        if state.top_logprobs is None:
            return Sampled(feed.slot, state.chain.draw(row, self._candidates, feed.mask))
        told = row.copy()  # the draw changes the row, and the model's own view of it is wanted
        token = state.chain.draw(row, self._candidates, feed.mask)
        logprob, top = logits.logprobs(told, token, state.top_logprobs)
        return Sampled(feed.slot, token, logprob, top)
