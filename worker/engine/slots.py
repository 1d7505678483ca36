"""The slots: who runs in which, and what each one's memory holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as List

from worker.engine.placement import Held, least_copied, place, usable
from worker.engine.sequence import Sequence
from worker.runtimes.base import ChatRuntime


class Slots:
    """One runtime's slots. Their memories outlive the answers, for the next one to use.

    Kept here as token ids, because the runtime only knows how many there are.
    """

    def __init__(self, runtime: ChatRuntime) -> None:
        self._runtime = runtime
        self.running: dict[int, Sequence] = {}
        self._held: list[list[int]] = [[] for _ in range(runtime.slots)]
        self._used = [0] * runtime.slots
        self._clock = 0

    @property
    def free(self) -> int:
        """How many slots nobody runs in."""
        return self._runtime.slots - len(self.running)

    def held(self, slot: int) -> int:
        """How many tokens the slot's memory holds."""
        return len(self._held[slot])

    def __iter__(self) -> Iterator[Sequence]:
        """Those that run, in order of arrival."""
        return iter(list(self.running.values()))

    def ready(self, sequence: Sequence) -> bool:
        """Whether nobody is just computing what the sequence could copy once it is there.

        Nobody waits for one of a lower priority, whose prompt lets others pass.
        """
        if not sequence.request.cache_prompt and sequence.index % sequence.request.n == 0:
            return True
        have = max(usable(held, sequence.known) for held in self._held)
        least = least_copied(self._runtime.context)
        return not any(
            usable(leader.known, sequence.known) >= have + least
            for leader in self.running.values()
            if not leader.generating and leader.request.priority <= sequence.request.priority
        )

    def enter(self, sequence: Sequence) -> None:
        """Give the sequence a slot, with as much of its prompt as some memory holds.

        Raises ``ValueError`` for sampling that the runtime refuses; no slot is taken then.
        """
        memories = [
            Held(slot, held, slot in self.running, self._used[slot])
            for slot, held in enumerate(self._held)
        ]
        found = place(
            memories,
            sequence.known,
            context=self._runtime.context,
            reuse=self._reuses(sequence),
        )
        if found.source == found.slot:
            cached = self._runtime.keep(found.slot, found.tokens)
        else:
            cached = self._runtime.copy(found.source, found.slot, found.tokens)
        self._held[found.slot] = self._held[found.source][:cached]
        try:
            sequence.enter(self._runtime, found.slot, cached)
        except Exception:
            self._runtime.close(found.slot)
            raise
        self.running[found.slot] = sequence
        self._touch(found.slot)

    def feed(self, slot: int, tokens: List[int]) -> None:
        """The slot's memory holds ``tokens`` more."""
        self._held[slot].extend(tokens)

    def leave(self, slot: int) -> None:
        """The sequence is over; what it left in memory stays."""
        del self.running[slot]
        self._runtime.close(slot)
        self._touch(slot)

    def forget(self, slots: Iterable[int]) -> None:
        """Nobody knows what these slots' memories hold: empty them."""
        for slot in slots:
            self._runtime.keep(slot, 0)
            self._held[slot] = []

    def _reuses(self, sequence: Sequence) -> bool:
        if sequence.scoring:
            return False
        # Choices of one prompt share its computing whatever the client says of caching.
        return sequence.request.cache_prompt or sequence.index % sequence.request.n > 0

    def _touch(self, slot: int) -> None:
        self._clock += 1
        self._used[slot] = self._clock
