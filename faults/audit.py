"""The audit: what became of every accepted job, read from Redis and held against what was heard."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec
import redis

from faults.found import Found, Shelf
from faults.trial import Trial
from faults.wire import Heard, text_of
from tasks.claims import FINAL

DONE = frozenset({"done"})
LOOK_S = 0.05
COUNTED = ("accepted", "lost", "doubled_ends", "doubled_runs", "stuck", "broken")


class Expected(msgspec.Struct, frozen=True):
    """What a job may look like in the end.

    ``ends`` are the states that are right. ``deaths`` is how many of its attempts were ended from
    outside, by a kill or a drain. ``heard`` is what the client was streamed, in order; with
    ``text`` the stored answer must be exactly this.
    """

    job_id: str
    ends: frozenset[str] = DONE
    deaths: int = 0
    heard: tuple[Heard, ...] = ()
    text: str | None = None


@dataclass(slots=True)
class Counts:
    """What the audit of some jobs came to; ``notes`` say of which job each count is."""

    accepted: int = 0
    lost: int = 0
    doubled_ends: int = 0
    doubled_runs: int = 0
    stuck: int = 0
    broken: int = 0
    notes: list[str] = field(default_factory=list)

    def breach(self, kind: str, note: str) -> None:
        """Count one of ``kind``: a field's name."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.notes.append(f"{kind}: {note}")

    def require(self, holds: bool, note: str) -> None:
        """Count a broken promise unless it ``holds``."""
        if not holds:
            self.breach("broken", note)

    def add(self, other: Counts) -> None:
        """Take in the counts of other jobs."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.notes += other.notes

    def trial(self, number: int, recovery_s: float | None = None, note: str = "") -> Trial:
        """The trial that these are the counts of."""
        return Trial(
            number=number,
            accepted=self.accepted,
            lost=self.lost,
            doubled_ends=self.doubled_ends,
            doubled_runs=self.doubled_runs,
            stuck=self.stuck,
            broken=self.broken,
            recovery_s=None if recovery_s is None else round(recovery_s, 3),
            note="; ".join([*([note] if note else []), *self.notes[:5]])[:1000],
        )


def audit(
    shelf: Shelf,
    ids: Collection[str],
    expected: Sequence[Expected] = (),
    *,
    ends: frozenset[str] = DONE,
    deaths: int = 0,
    within_s: float = 20.0,
) -> Counts:
    """Count over all ``ids`` (the client's book); waits ``within_s`` for jobs that are still open.

    ``ends`` and ``deaths`` hold for ids without an ``Expected`` of their own.
    """
    by_id = {each.job_id: each for each in expected}
    counts = Counts(accepted=len(ids))
    give_up_at = time.monotonic() + within_s
    for job_id in ids:
        wanted = by_id.get(job_id) or Expected(job_id, ends, deaths)
        judge(counts, wanted, ended(shelf, job_id, give_up_at))
    return counts


def ended(shelf: Shelf, job_id: str, give_up_at: float) -> Found | None:
    """The job once it has ended, or as it is when time is up; None when there is none."""
    while True:
        try:
            found = shelf.find(job_id)
            if found is None or found.state in FINAL:
                return found
        except redis.RedisError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(LOOK_S)
            continue
        if time.monotonic() > give_up_at:
            return found
        time.sleep(LOOK_S)


def judge(counts: Counts, wanted: Expected, found: Found | None) -> None:
    """Hold one job against what was expected of it."""
    short = wanted.job_id[:16]
    if found is None:
        counts.breach("lost", short)
        return
    if found.state not in FINAL:
        counts.breach("stuck", f"{short} is {found.state} in attempt {found.attempt}")
        return
    if found.attempt > 1 + wanted.deaths:
        counts.breach("doubled_runs", f"{short} ran {found.attempt} times, {wanted.deaths} deaths")
    if found.ends != 1 or not found.ends_last:
        kind = "doubled_ends" if found.ends else "broken"
        counts.breach(kind, f"{short} has {found.ends} ends in its log")
    counts.require(found.state in wanted.ends, f"{short} is {found.state} ({found.error})")
    counts.require(found.seqs == list(range(1, len(found.seqs) + 1)), f"{short}: gaps in its log")
    _compare(counts, short, wanted, found)


def _compare(counts: Counts, short: str, wanted: Expected, found: Found) -> None:
    if wanted.text is not None:
        counts.require(
            found.text == wanted.text, f"{short}: stored {differing(found.text, wanted.text)}"
        )
    if not wanted.heard:
        return
    numbers: list[Any] = [event.seq for event in wanted.heard]
    first = numbers[0]
    in_order = numbers == list(range(first, first + len(numbers)))
    counts.require(in_order, f"{short}: heard {gaps(numbers)}")
    heard = text_of(wanted.heard)
    stored = found.text_between(first, numbers[-1])
    counts.require(heard == stored, f"{short}: heard {differing(heard, stored)}")


def gaps(numbers: Sequence[int]) -> str:
    """Where a sequence of numbers does not go on by one."""
    pairs = pairwise(numbers)
    jumps = [f"{late} after {early}" for early, late in pairs if late != early + 1]
    return ", ".join(jumps[:3]) or "no gap"


def differing(text: str, wanted: str) -> str:
    """Where two texts part, without telling them."""
    at = next((i for i, (a, b) in enumerate(zip(text, wanted, strict=False)) if a != b), None)
    place = f"differs at character {at}" if at is not None else "is a part"
    return f"{len(text)} characters instead of {len(wanted)}, {place}"
