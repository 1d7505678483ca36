"""What a measurement consists of, and the figures that it has to reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.figures import Sample
from benchmarks.server import Place, Server
from benchmarks.stack import PLAIN

Peers = Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class Metric:
    """A column: the sample's key, its heading, and how many decimals it is worth."""

    key: str
    heading: str
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class Contender:
    """A row: measured by ``run`` on a server of this place."""

    name: str
    run: Callable[[Server], Sample]
    place: Place = PLAIN


@dataclass(frozen=True, slots=True)
class Target:
    """A figure of contender ``ours`` that must reach a value, and another that is its goal.

    It is ``metric`` divided by that of contender ``base``, or the metric itself without one.
    """

    figure: str
    metric: str
    ours: str
    base: str | None
    must: float
    goal: float
    at_most: bool = False

    def reaches(self, measured: float, wanted: float) -> bool:
        """Whether ``measured`` is as good as ``wanted``, to the two decimals that are shown."""
        rounded = round(measured, 2)
        return rounded <= wanted if self.at_most else rounded >= wanted


@dataclass(frozen=True, slots=True)
class Measurement:
    """A table. Ratios are to the first contender; ``usual`` ones are measured unasked.

    ``lacks`` names the peers that it has no row of. Without its first row it is not ``whole``:
    shown, but not written over a page that has all of it.
    """

    name: str
    title: str
    how: str
    metrics: tuple[Metric, ...]
    contenders: tuple[Contender, ...]
    targets: tuple[Target, ...] = ()
    lacks: tuple[str, ...] = ()
    whole: bool = True
    usual: bool = True
