"""Rounds: every contender once, one at a time, and again if the machine was not ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from benchmarks.figures import Sample
from benchmarks.measurement import Contender, Measurement
from benchmarks.quiet import IDLE_WAIT_S, Taken, Watch, wait_until_idle
from benchmarks.server import Place, Server

REPEATS = 2


@dataclass(slots=True)
class Outcome:
    """A measurement's samples per contender, one for each round, and what disturbed them."""

    measurement: Measurement
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    repeated: int = 0


class Bench:
    """The servers that are up, and the rounds on them.

    1. Entered, it starts a server for every place that some contender wants.
    2. ``round`` runs every contender of a measurement once and adds to its outcome.
    3. Left, it stops what it started.

    With ``patient`` it waits for an idle machine, and measures again what others disturbed.
    """

    def __init__(
        self, measurements: Sequence[Measurement], say: Callable[[str], None], *, patient: bool
    ) -> None:
        self.outcomes = [Outcome(measurement) for measurement in measurements]
        self._say = say
        self._idle_wait_s, self._repeats = (IDLE_WAIT_S, REPEATS) if patient else (0.0, 0)
        self._servers = ExitStack()
        self._up: dict[Place, Server] = {}

    def __enter__(self) -> Self:
        wanted = [each.place for o in self.outcomes for each in o.measurement.contenders]
        with ExitStack() as starting:
            for place in dict.fromkeys(wanted):
                self._say(f"starting: {place.title}")
                self._up[place] = starting.enter_context(place.running())
            self._servers = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._servers.close()

    def round(self, title: str) -> None:
        """Every contender of every measurement, once."""
        for outcome in self.outcomes:
            for contender in outcome.measurement.contenders:
                self._undisturbed(outcome, contender, title)

    def _undisturbed(self, outcome: Outcome, contender: Contender, title: str) -> None:
        for attempt in range(1 + self._repeats):
            busy = wait_until_idle(self._idle_wait_s)
            watch = Watch([server.pid for server in self._up.values()])
            sample = contender.run(self._up[contender.place])
            taken = watch.read()
            figures = "  ".join(f"{key} {value:.1f}" for key, value in sample.items())
            self._say(
                f"{title}  {outcome.measurement.name}  {contender.name}: {figures}  "
                f"(idle {busy:.0%}, others {taken.others:.0%}, load {taken.load_1_min:.1f})"
            )
            if not taken.disturbed or attempt == self._repeats:
                break
            outcome.repeated += 1
            self._say("  disturbed: once more")
        outcome.samples.setdefault(contender.name, []).append(sample)
        outcome.taken.append(taken)
