"""Rounds: every contender once, one at a time, and again if the machine was not ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from benchmarks.figures import Sample
from benchmarks.measurements import Contender, Measurement
from benchmarks.quiet import Taken, Watch, wait_until_idle
from benchmarks.stack import Setup, Stack, running

REPEATS = 2


@dataclass(slots=True)
class Outcome:
    """A measurement's samples per contender, one for each round, and what disturbed them."""

    measurement: Measurement
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    repeated: int = 0


class Bench:
    """The stacks that are up, and the rounds on them.

    1. Entered, it starts a stack for every setup that some contender wants.
    2. ``round`` runs every contender of a measurement once and adds to its outcome.
    3. Left, it stops what it started.
    """

    def __init__(self, measurements: Sequence[Measurement], say: Callable[[str], None]) -> None:
        self.outcomes = [Outcome(measurement) for measurement in measurements]
        self._say = say
        self._stacks = ExitStack()
        self._up: dict[Setup, Stack] = {}

    def __enter__(self) -> Self:
        wanted = [each.setup for o in self.outcomes for each in o.measurement.contenders]
        for setup in dict.fromkeys(wanted):
            self._say("starting a stack: " + " ".join([setup.models, *map("=".join, setup.extra)]))
            self._up[setup] = self._stacks.enter_context(running(setup))
        return self

    def __exit__(self, *_: object) -> None:
        self._stacks.close()

    def round(self, title: str) -> None:
        """Every contender of every measurement, once."""
        for outcome in self.outcomes:
            for contender in outcome.measurement.contenders:
                self._undisturbed(outcome, contender, title)

    def _undisturbed(self, outcome: Outcome, contender: Contender, title: str) -> None:
        for attempt in range(1 + REPEATS):
            busy = wait_until_idle()
            watch = Watch([stack.pid for stack in self._up.values()])
            sample = contender.run(self._up[contender.setup])
            taken = watch.read()
            figures = "  ".join(f"{key} {value:.1f}" for key, value in sample.items())
            self._say(
                f"{title}  {outcome.measurement.name}  {contender.name}: {figures}  "
                f"(idle {busy:.0%}, others {taken.others:.0%}, load {taken.load_1_min:.1f})"
            )
            if not taken.disturbed or attempt == REPEATS:
                break
            outcome.repeated += 1
            self._say("  disturbed: once more")
        outcome.samples.setdefault(contender.name, []).append(sample)
        outcome.taken.append(taken)
