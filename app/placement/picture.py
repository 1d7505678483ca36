"""What the placer sees, remembers and decides: frozen, without a clock and without Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.errors import ModelUnavailable
from tasks.fleet import Assignment, NodeReport, Placement, Wish
from tasks.model import Model
from tasks.roster import Report

GRACE_MS = 10_000
"""For so long a node that fell silent keeps its models, and one that says nothing of a model is
waited for: a restart must not make everything move."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for a model, what runs, and for how long the oldest has waited."""

    waiting: int = 0
    running: int = 0
    oldest_wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """When a model was last seen unable to load, why, and by which definition."""

    at_ms: int
    reason: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What the placer knows of earlier rounds; a new one knows nothing, and waits a while longer.

    ``seen_ms``: when each node's report was last fresh. ``unsure_ms``: since when a live node has
    said nothing of a model as it is defined now, by node and model. ``restarts``: how often a
    child had been restarted when its model was last ready. ``unborn_ms``: since when a node was to
    have a child that its reports do not show yet; 0 once they did. ``failures``: of models that
    did not load a while ago.
    """

    seen_ms: Mapping[str, int] = field(default_factory=dict)
    unsure_ms: Mapping[tuple[str, str], int] = field(default_factory=dict)
    restarts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unborn_ms: Mapping[tuple[str, str], int] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """One moment, by Redis's clock. Queues, workers and wishes are by model, in the catalog's
    order; ``nodes`` are those that are alive, ``assignments`` those of all nodes.
    """

    now_ms: int
    turn_s: float
    models: tuple[Model, ...]
    wishes: Mapping[str, Wish] = field(default_factory=dict)
    queues: Mapping[str, Queue] = field(default_factory=dict)
    workers: Mapping[str, tuple[Report, ...]] = field(default_factory=dict)
    nodes: Mapping[str, NodeReport] = field(default_factory=dict)
    assignments: Mapping[str, Mapping[str, Assignment]] = field(default_factory=dict)
    placements: Mapping[str, Placement] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True, slots=True)
class WishChange:
    """A wish of the placer's own, and the one that it was based on."""

    model: str
    before: Wish | None
    after: Wish


@dataclass(frozen=True, slots=True)
class Refusal:
    """Jobs that wait in ``queue`` while somebody listens are to end with ``error``."""

    queue: str
    error: ModelUnavailable


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be: every node's assignments, wishes to change, placements to tell."""

    wishes: tuple[WishChange, ...]
    assignments: Mapping[str, Mapping[str, Assignment]]
    placements: Mapping[str, Placement]
    refusals: tuple[Refusal, ...]
    memory: Memory
