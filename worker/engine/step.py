"""One step of the loop: what is fed, what is drawn, and what follows from it."""

from __future__ import annotations

import time
from collections.abc import Sequence as List
from dataclasses import dataclass, field

from tasks.errors import ModelFailed, TaskError
from tasks.events import Finished, Token
from worker.engine.line import AGEING_S
from worker.engine.meter import Meter
from worker.engine.pace import MOST, Pace, Prompt
from worker.engine.plan import Pending, PendingPicture, Share, plan
from worker.engine.runs import first_run
from worker.engine.sequence import Sequence
from worker.engine.slots import Slots
from worker.runtimes.base import ChatRuntime, Feed, Sampled


@dataclass(slots=True)
class Happened:
    """What a step led to; ``finished`` and ``failed`` still have their slots."""

    events: list[tuple[Sequence, Token | Finished]] = field(default_factory=list)
    finished: list[Sequence] = field(default_factory=list)
    failed: list[tuple[Sequence, TaskError]] = field(default_factory=list)


class Step:
    """Advances all that run by one call of the runtime; kept between steps for the pace.

    ``fed`` are the slots of the last batch, also when computing it failed.
    """

    def __init__(self, runtime: ChatRuntime, slots: Slots, meter: Meter | None = None) -> None:
        self._runtime = runtime
        self._slots = slots
        self._meter = meter or Meter()
        self._pace = Pace()
        self.fed: list[int] = []

    def run(self) -> Happened:
        """Feed, draw, and take what was drawn; raises the runtime's ``DecodeFailed``."""
        happened = Happened()
        feeds = self._feeds(happened)
        self.fed = [feed.slot for feed in feeds]
        if not feeds:
            return happened
        began_s = time.perf_counter()
        drawn = self._runtime.decode(feeds)
        self._measure(feeds, began_s, time.perf_counter())
        self._remember(feeds, drawn, happened)
        self._take(drawn, happened)
        return happened

    def _feeds(self, happened: Happened) -> list[Feed]:
        running = sorted(self._slots, key=_turn_s)
        waiting = [
            self._next_run(s)
            if s.request.pictures and not s.generating
            else Pending(s.slot, len(s.pending), s.generating)
            for s in running
        ]
        answers = sum(entry.generating for entry in waiting)
        prompts = [Prompt(len(s.pending), s.uncached) for s in running if not s.generating]
        feeds: list[Feed] = []
        scores_left = self._runtime.scores
        for share in plan(waiting, self._pace.prompt_tokens(answers, prompts)):
            sequence = self._slots.running[share.slot]
            try:
                feed = self._feed(sequence, share, scores_left)
            except TaskError as error:
                happened.failed.append((sequence, error))
                continue
            if feed.scored:
                scores_left -= len(feed.tokens)
            if feed.tokens:
                feeds.append(feed)
        return feeds

    def _next_run(self, sequence: Sequence) -> Pending:
        """As much of a prompt with pictures as can be fed at once."""
        run = first_run(sequence.pending, MOST)
        if sequence.pending[0] >= 0:
            return Pending(sequence.slot, run, False)
        return PendingPicture(sequence.slot, run, False, self._runtime.whole_pictures)

    def _feed(self, sequence: Sequence, share: Share, scores_left: int) -> Feed:
        count = min(share.tokens, scores_left) if sequence.scoring else share.tokens
        tokens = tuple(sequence.pending[:count])
        draws = count == len(sequence.pending) and sequence.limit > 0
        mask = sequence.constraint.mask() if draws and sequence.constraint else None
        guesses = sequence.guess(self._runtime.guesses) if draws else ()
        sequence.guessed += len(guesses)
        return Feed(
            share.slot,
            tokens + guesses,
            draws,
            mask=mask,
            guessed=len(guesses),
            scored=sequence.scoring,
        )

    def _remember(self, feeds: List[Feed], drawn: List[Sampled], happened: Happened) -> None:
        """Bring the slots' memories and the sequences up to what was computed."""
        held = {feed.slot: -1 for feed in feeds}
        for token in drawn:
            held[token.slot] += 1
        scores = self._runtime.scored()
        for feed in feeds:
            sequence = self._slots.running[feed.slot]
            certain = len(feed.tokens) - feed.guessed
            sequence.guesses_held += max(held[feed.slot], 0)
            self._slots.feed(feed.slot, feed.tokens[: certain + max(held[feed.slot], 0)])
            events = sequence.fed(certain, scores.get(feed.slot, ()), self._runtime)
            happened.events.extend((sequence, event) for event in events)
            if sequence.finished is not None:
                happened.finished.append(sequence)

    def _take(self, drawn: List[Sampled], happened: Happened) -> None:
        for token in drawn:
            sequence = self._slots.running[token.slot]
            if sequence.finished is not None:
                continue  # drawn after a guess that ended the answer
            if token.fault is not None:
                error = ModelFailed("The model could not compute this request.")
                happened.failed.append((sequence, error))
                continue
            before = sequence.drawn
            try:
                events = sequence.take(self._runtime, token)
            except TaskError as error:
                happened.failed.append((sequence, error))
                continue
            self._meter.generated += sequence.drawn - before
            happened.events.extend((sequence, event) for event in events)
            if sequence.finished is not None:
                happened.finished.append(sequence)

    def _measure(self, feeds: List[Feed], began_s: float, ended_s: float) -> None:
        prompts = [feed for feed in feeds if not self._slots.running[feed.slot].generating]
        self._meter.stepped(len(feeds), len(feeds) - len(prompts), began_s, ended_s)
        if any(feed.tokens[0] < 0 for feed in prompts):
            return  # it may have been encoded, which says nothing of what a token costs
        tokens = sum(len(feed.tokens) for feed in prompts)
        took_ms = 1000 * (ended_s - began_s)
        self._pace.measured(len(feeds) - len(prompts), tokens, took_ms)


def _turn_s(sequence: Sequence) -> float:
    """Whose prompt is fed first: as in the line, a lower priority came later by some seconds."""
    return sequence.clock.began_s + AGEING_S * sequence.request.priority
