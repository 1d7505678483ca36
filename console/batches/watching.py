"""Batches until all have ended: a few open at once, looked at every second.

An API that is away for a while is waited for; what it said last is shown meanwhile. Ctrl-C leaves
the batches to the server.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from console.batches import contract
from console.batches.contract import Batch
from console.batches.faults import NotReached, Refused
from console.batches.memory import Memory
from console.batches.mending import failed_stretches, write_alone
from console.batches.progress import Bar, Lines, Standing
from console.batches.server import Server
from console.batches.submitting import Submitter
from console.wording import counted, one_line

LOOK_S = 1.0
OPEN_AT_ONCE = 4
_NOT_FOUND = 404


class Work(Protocol):
    """What is watched."""

    def step(self) -> bool:
        """Look, and do what is due; whether there is more to come."""

    def standing(self) -> Standing:
        """How far it is."""


def watch(work: Work, server: Server, shown: Bar | Lines) -> None:
    """Keep at it until nothing is to come.

    An API that does not answer the first time is an error and raised: it is probably another.
    """
    server.note = shown.note
    has_answered = is_away = False
    while True:
        try:
            goes_on = work.step()
            has_answered, is_away = True, False
        except NotReached as error:
            if not has_answered:
                raise
            if not is_away:
                shown.note(f"{one_line(str(error))} It is waited for.")
            goes_on = is_away = True
        shown.tell(work.standing())
        if not goes_on:
            return
        time.sleep(LOOK_S)


class Several:
    """Batches that are made, whoever made them."""

    def __init__(self, server: Server, batch_ids: Sequence[str]) -> None:
        self._server = server
        self._ids = batch_ids
        self.batches: dict[str, Batch] = {}

    def step(self) -> bool:
        """Look at those that have not ended."""
        for batch_id in self._ids:
            known = self.batches.get(batch_id)
            if known is None or not known.ended:
                patient = known is None
                self.batches[batch_id] = contract.find(self._server, batch_id, patient=patient)
        return not all(batch.ended for batch in self.batches.values())

    def standing(self) -> Standing:
        """By their lines."""
        counts = [batch.counts for batch in self.batches.values()]
        return Standing(
            done=sum(each.completed + each.failed for each in counts),
            total=sum(each.total for each in counts),
            failed=sum(each.failed for each in counts),
            unit="requests",
            said=states(list(self.batches.values())),
        )


class Parts:
    """The parts of one FILE, submitted as others end. ``batches`` are a part's, by its number."""

    def __init__(self, server: Server, memory: Memory, submitter: Submitter) -> None:
        self._server = server
        self._memory = memory
        self._submitter = submitter
        self._over: set[int] = set()
        self.batches: dict[int, Batch] = {}
        self.mendings: dict[int, Batch] = {}

    def step(self) -> bool:
        """Submit a part where there is room, and look at those that are open."""
        parts = self._memory.parts
        waiting = [number for number, part in enumerate(parts) if not part.batch_id]
        open_now = len(parts) - len(waiting) - len(self._over)
        if waiting and open_now < OPEN_AT_ONCE:
            self.batches[waiting[0]] = self._submitter.submit(waiting[0])
        for number, part in enumerate(self._memory.parts):
            if part.batch_id and number not in self._over and self._is_over(number):
                self._over.add(number)
        return len(self._over) < len(parts)

    def standing(self) -> Standing:
        """By FILE's texts, of which a line may have many."""
        parts = [self._part_standing(number) for number in self.batches]
        batches = [self.mendings.get(number, batch) for number, batch in self.batches.items()]
        total = sum(part.inputs for part in self._memory.parts)
        said = states(batches)
        if len(all_parts := self._memory.parts) > 1:
            over = f"{len(self._over)} of {len(all_parts)} batches"
            said = over if len(self._over) == len(all_parts) else f"{over}; {said}"
        return Standing(
            done=sum(done for done, _ in parts),
            total=total,
            failed=sum(failed for _, failed in parts),
            unit="requests" if self._memory.ask.is_ready else "texts",
            said=said,
        )

    def _is_over(self, number: int) -> bool:
        part = self._memory.parts[number]
        batch = self.batches.get(number)
        if batch is None or not batch.ended:
            patient = batch is None
            batch = contract.find(self._server, part.batch_id, patient=patient)
            self.batches[number] = batch
        if not batch.ended:
            return False
        if not part.mending_id and not self._is_mended(number, batch):
            return True
        mending_id = self._memory.parts[number].mending_id
        self.mendings[number] = contract.find(self._server, mending_id)
        return self.mendings[number].ended

    def _is_mended(self, number: int, batch: Batch) -> bool:
        """Whether there is a second batch for texts of failed lines, which are looked for."""
        ask, folder = self._memory.ask, self._memory.path.parent
        if ask.is_ready or ask.kind != "embeddings" or not batch.counts.failed:
            return False
        stretches = failed_stretches(self._server, batch, folder)
        if not stretches:
            return False
        write = partial(write_alone, self._server, batch, stretches, folder)
        try:
            self._submitter.mend(number, write)
        except Refused as error:
            if error.http_status != _NOT_FOUND:
                raise
            # Somebody deleted the input: what failed stays so.
            return False
        return True

    def _part_standing(self, number: int) -> tuple[int, int]:
        """Texts of a part that are done, and those of them that failed."""
        part, counts = self._memory.parts[number], self.batches[number].counts
        if mending := self.mendings.get(number):
            again = mending.counts
            left = again.total - again.completed - again.failed
            return part.inputs - left, again.failed
        each = part.inputs / max(counts.total, 1)
        return round((counts.completed + counts.failed) * each), round(counts.failed * each)


def states(batches: Sequence[Batch]) -> str:
    """What they are doing, in a few words."""
    if len(batches) == 1:
        return f"{batches[0].id} {batches[0].status}"
    found = Counter(batch.status for batch in batches if not batch.ended)
    if not found:
        return counted(len(batches), "batch", "batches") + " ended"
    return ", ".join(f"{count} {status}" for status, count in found.items())
