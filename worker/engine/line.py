"""The line in front of the slots: who begins next. Plain data, no model.

First come, first served within a priority; a lower priority counts as having come later by some
seconds, so that it is never starved. The choices of one prompt begin together: they wait until
there is a slot for each, and nobody overtakes them meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from worker.engine.sequence import Sequence

AGEING_S = 30.0
"""What one step of priority is worth; as in the ledger, which orders whole jobs."""


@dataclass(slots=True)
class Group:
    """The choices of one prompt, in order; ``since_s`` is when they came, with the handicap."""

    since_s: float
    number: int
    waiting: list[Sequence]
    begun: bool = False

    @property
    def request_id(self) -> str:
        """The request that they belong to."""
        return self.waiting[0].request.id


@dataclass(slots=True)
class Line:
    """Groups in the order in which they begin; ``join`` keeps it sorted."""

    _groups: list[Group] = field(default_factory=list)
    _number: int = 0

    def __len__(self) -> int:
        return sum(len(group.waiting) for group in self._groups)

    def __iter__(self) -> Iterator[Sequence]:
        return (sequence for group in self._groups for sequence in group.waiting)

    def join(self, sequences: Iterable[Sequence], now_s: float) -> None:
        """Queue the sequences of one request."""
        by_prompt: dict[int, list[Sequence]] = {}
        for sequence in sequences:
            by_prompt.setdefault(sequence.index // sequence.request.n, []).append(sequence)
        for group in by_prompt.values():
            self._number += 1
            since_s = now_s + AGEING_S * group[0].request.priority
            self._groups.append(Group(since_s, self._number, group))
        # A group that has begun stays in front: its slots are kept for it.
        self._groups.sort(key=lambda group: (not group.begun, group.since_s, group.number))

    def leave(self, request_ids: Iterable[str]) -> None:
        """Forget the sequences of these requests."""
        gone = set(request_ids)
        self._groups = [group for group in self._groups if group.request_id not in gone]

    def take(self, free: int, ready: Callable[[Sequence], bool]) -> Sequence | None:
        """The sequence that begins next in one of ``free`` slots, if any may.

        One that is not ``ready`` (what it could copy is being computed) lets others pass.
        """
        for group in self._groups:
            if not group.begun and len(group.waiting) > free:
                return None  # nobody overtakes: a group of many would wait for ever
            if ready(group.waiting[0]):
                return self._begin(group)
            if group.begun:
                free -= len(group.waiting)  # kept for it
        return None

    def _begin(self, group: Group) -> Sequence:
        sequence = group.waiting.pop(0)
        group.begun = True
        if not group.waiting:
            self._groups.remove(group)
        else:
            # Begun groups go first: a place further back would let others take their slots.
            self._groups.sort(key=lambda each: (not each.begun, each.since_s, each.number))
        return sequence
