"""The embeddings engine: the inputs of all requests in common batches, on as many lanes as cores.

1. ``submit`` puts a request's inputs into the line and returns.
2. Each lane is a thread: it takes the next batch, computes it, and goes on. Two lanes with a core
   each give a tenth more vectors than one batch spread over two cores, and a core that somebody
   else needs for a moment holds up one batch, not both.
3. ``tell`` is called with the requests that a batch completed, from the lane's thread.
4. ``drop`` takes a request out between two batches; it is not told of any more.
5. ``submit_patient`` is for work that can wait: it has a line and lanes of its own, which give way
   to every other thread of the machine. Such a lane begins only where a core is free and no other
   input waits, so that a GPU, which knows no priorities, serves the others first as well.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from worker.embedding.crew import Crew
from worker.embedding.line import Place
from worker.embedding.meter import EmbedMeter
from worker.runtimes.base import EmbedRuntime
from worker.yielding import give_way

log = logging.getLogger(__name__)

# A batch's bounds. Beyond them a lane gains nothing, and whoever comes meanwhile waits for longer.
ROWS = 32
TOKENS = 512
# Of patient work: nobody waits for it, but others may wait for its end.
PATIENT_TOKENS = 256
# Patient work moves on by one step after so long, whoever else comes: as in the ledger, which lets
# a job of the lowest priority go first when it has waited that long.
PATIENCE_S = 60.0

Rows = NDArray[np.float32]
Inputs = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Computed:
    """A request that is over: its vectors in the order of its inputs, or what went wrong.

    ``tokens`` is how many each of its inputs has.
    """

    request: str
    vectors: Rows | None
    tokens: tuple[int, ...] = ()
    error: Exception | None = None


Tell = Callable[[Sequence[Computed]], None]
Task = Callable[[], list[Computed]]


@dataclass(slots=True)
class _Request:
    """A request's inputs, its vectors so far, and how many are missing; ``tokens`` per input."""

    crew: Crew
    inputs: Inputs
    tokens: tuple[int, ...]
    vectors: Rows
    missing: int


class EmbedEngine:
    """The lines, their lanes, and who is told."""

    def __init__(self, runtime: EmbedRuntime, tell: Tell) -> None:
        self.meter = EmbedMeter()
        self._runtime = runtime
        self._tell = tell
        self._lock = threading.Lock()
        self._urgent = Crew(threading.Condition(self._lock), ROWS, TOKENS)
        self._patient = Crew(threading.Condition(self._lock), ROWS, PATIENT_TOKENS, patient=True)
        self._requests: dict[str, _Request] = {}
        # Patient requests whose inputs are still to be read, in order; and those being read.
        self._unread: dict[str, Callable[[], Inputs]] = {}
        self._reading: set[str] = set()
        self._computing = 0
        self._patient_moved_s = 0.0
        self._stopped = False
        self._lanes = [
            threading.Thread(target=self._run, args=(crew,), name=f"{name}-{number}", daemon=True)
            for crew, name in ((self._urgent, "embed"), (self._patient, "embed-patient"))
            for number in range(runtime.lanes)
        ]

    def start(self) -> None:
        """Begin to compute."""
        for lane in self._lanes:
            lane.start()

    def submit(self, request: str, inputs: Inputs) -> None:
        """Have the vectors of ``inputs`` computed; there is at least one."""
        with self._lock:
            self._join(self._urgent, request, inputs)

    def submit_patient(self, request: str, read: Callable[[], Inputs]) -> None:
        """Have the vectors of what ``read`` returns computed, some time.

        It is called in a patient lane: to tokenise hundreds of texts takes as long as to answer
        several requests. What it raises is told as the request's error.
        """
        with self._lock:
            if not (self._unread or len(self._patient.line)):
                self._patient_moved_s = time.monotonic()
            self._unread[request] = read
            self._call_patient()

    def drop(self, request: str) -> bool:
        """Compute nothing more of a request; False when it is over already."""
        with self._lock:
            if request in self._reading or request in self._unread:
                self._reading.discard(request)
                self._unread.pop(request, None)
                return True
            known = self._requests.pop(request, None)
            if known is None:
                return False
            known.crew.line.drop(request)
            self._call_patient()
            return True

    def tokens(self, *, patient: bool = False) -> int:
        """How many tokens the requests have that are not over, of either kind of work."""
        with self._lock:
            requests = [each for each in self._requests.values() if each.crew.patient == patient]
            return sum(sum(each.tokens) for each in requests)

    def stop(self) -> None:
        """Take no more batches; those that are computed come to their end."""
        with self._lock:
            self._stopped = True
            for crew in (self._urgent, self._patient):
                crew.woken.notify_all()

    def close(self) -> None:
        """Stop, and wait for the lanes."""
        self.stop()
        for lane in self._lanes:
            if lane.is_alive():
                lane.join(timeout=5)

    def _join(self, crew: Crew, name: str, inputs: Inputs) -> None:
        tokens = tuple(map(len, inputs))
        vectors = np.empty((len(inputs), self._runtime.dimensions), dtype=np.float32)
        self._requests[name] = _Request(crew, inputs, tokens, vectors, len(inputs))
        crew.line.add(name, tokens)
        crew.woken.notify(len(inputs))

    def _run(self, crew: Crew) -> None:
        if crew.patient:
            give_way()
        while (task := self._next(crew)) is not None:
            over = task()
            with self._lock:
                self._computing -= 1
                self._call_patient()
            if over:
                self._tell(over)

    def _next(self, crew: Crew) -> Task | None:
        """What a lane does next; None when the engine stops."""
        with self._lock:
            crew.free += 1
            while not (self._stopped or self._may_begin(crew)):
                crew.woken.wait(PATIENCE_S if crew.patient else None)
            task = None if self._stopped else self._begin(crew)
            crew.free -= 1
            self._call_patient()
            return task

    def _may_begin(self, crew: Crew) -> bool:
        if not crew.patient:
            return len(crew.line) > 0
        if not (self._unread or len(crew.line)):
            return False
        if self._computing < self._runtime.lanes and not len(self._urgent.line):
            return True
        return time.monotonic() >= self._patient_moved_s + PATIENCE_S

    def _begin(self, crew: Crew) -> Task:
        self._computing += 1
        if crew.patient:
            self._patient_moved_s = time.monotonic()
            if self._unread:
                name = next(iter(self._unread))
                self._reading.add(name)
                return partial(self._read, name, self._unread.pop(name))
        places = crew.take()
        inputs = [self._requests[each.request].inputs[each.index] for each in places]
        return partial(self._compute, places, inputs)

    def _call_patient(self) -> None:
        """Something changed: one patient lane may begin, and calls the next when it has."""
        if self._may_begin(self._patient):
            self._patient.woken.notify()

    def _read(self, name: str, read: Callable[[], Inputs]) -> list[Computed]:
        try:
            inputs = read()
        except Exception as error:  # noqa: BLE001 - its client is told, and the lane goes on
            return [Computed(name, None, error=error)] if self.drop(name) else []
        with self._lock:
            if name in self._reading:
                self._reading.remove(name)
                self._join(self._patient, name, inputs)
        return []

    def _compute(self, places: Sequence[Place], inputs: Inputs) -> list[Computed]:
        began_s = time.perf_counter()
        try:
            vectors = self._runtime.embed(inputs)
        except Exception as error:  # noqa: BLE001 - its requests are told, and the lane goes on
            self.meter.failed()
            return self._each_alone(places, inputs, error)
        self.meter.computed(inputs, time.perf_counter() - began_s)
        return self._put(places, vectors)

    def _put(self, places: Sequence[Place], vectors: Rows) -> list[Computed]:
        """Hand rows to their requests; those that this completes."""
        over = []
        with self._lock:
            for place, vector in zip(places, vectors, strict=True):
                request = self._requests.get(place.request)
                if request is None:
                    continue  # dropped while the batch was computed
                request.vectors[place.index] = vector
                request.missing -= 1
                if not request.missing:
                    del self._requests[place.request]
                    over.append(Computed(place.request, request.vectors, request.tokens))
        return over

    def _each_alone(
        self, places: Sequence[Place], inputs: Inputs, error: Exception
    ) -> list[Computed]:
        """After a batch that failed: its requests one by one, so that only the culprit fails."""
        mine: dict[str, list[int]] = {}
        for at, place in enumerate(places):
            mine.setdefault(place.request, []).append(at)
        over = []
        for name, rows in mine.items():
            found: Rows | None = None
            if len(mine) > 1:
                try:
                    found = self._runtime.embed([inputs[at] for at in rows])
                except Exception as own:  # noqa: BLE001 - as above
                    error = own
            if found is not None:
                over += self._put([places[at] for at in rows], found)
            elif self.drop(name):
                over.append(Computed(name, None, error=error))
        return over
