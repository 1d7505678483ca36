"""The embeddings engine: the inputs of all requests in common batches, on as many lanes as cores.

1. ``submit`` puts a request's inputs into the line and returns.
2. Each lane is a thread: it takes the next batch, computes it, and goes on. Two lanes with a core
   each give a tenth more vectors than one batch spread over two cores, and a core that somebody
   else needs for a moment holds up one batch, not both.
3. ``tell`` is called with the requests that a batch completed, from the lane's thread.
4. ``drop`` takes a request out between two batches; it is not told of any more.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worker.embedding.line import Line, Place
from worker.runtimes.base import EmbedRuntime

log = logging.getLogger(__name__)

# A batch's bounds. Beyond them a lane gains nothing (checked at 28 tokens a text: 16 rows give
# what 32 give), and whoever comes meanwhile waits for longer.
ROWS = 32
TOKENS = 512

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Computed:
    """A request that is over: its vectors in the order of its inputs, or what went wrong."""

    request: str
    vectors: Rows | None
    error: Exception | None = None


Tell = Callable[[Sequence[Computed]], None]


@dataclass(slots=True)
class _Request:
    """A request's inputs, its vectors so far, and how many are missing."""

    inputs: Sequence[Sequence[int]]
    vectors: Rows
    missing: int
    tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = sum(map(len, self.inputs))


class EmbedEngine:
    """The line, its lanes, and who is told."""

    def __init__(self, runtime: EmbedRuntime, tell: Tell) -> None:
        self._runtime = runtime
        self._tell = tell
        self._line = Line()
        self._requests: dict[str, _Request] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._free = 0
        self._lanes = [
            threading.Thread(target=self._run, name=f"embed-{number}", daemon=True)
            for number in range(runtime.lanes)
        ]

    def start(self) -> None:
        """Begin to compute."""
        for lane in self._lanes:
            lane.start()

    def submit(self, request: str, inputs: Sequence[Sequence[int]]) -> None:
        """Have the vectors of ``inputs`` computed; there is at least one."""
        vectors = np.empty((len(inputs), self._runtime.dimensions), dtype=np.float32)
        with self._changed:
            self._requests[request] = _Request(inputs, vectors, len(inputs))
            self._line.add(request, [len(tokens) for tokens in inputs])
            self._changed.notify(len(inputs))

    def drop(self, request: str) -> bool:
        """Compute nothing more of a request; False when it is over already."""
        with self._changed:
            self._line.drop(request)
            return self._requests.pop(request, None) is not None

    def tokens(self) -> int:
        """How many tokens the requests have that are not over."""
        with self._changed:
            return sum(request.tokens for request in self._requests.values())

    def stop(self) -> None:
        """Take no more batches; those that are computed come to their end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def close(self) -> None:
        """Stop, and wait for the lanes."""
        self.stop()
        for lane in self._lanes:
            if lane.is_alive():
                lane.join(timeout=5)

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            places, inputs = batch
            try:
                vectors = self._runtime.embed(inputs)
            except Exception as error:  # noqa: BLE001 - its requests are told, and the lane goes on
                over = self._each_alone(places, inputs, error)
            else:
                over = self._put(places, vectors)
            if over:
                self._tell(over)

    def _next(self) -> tuple[list[Place], list[Sequence[int]]] | None:
        """The next batch; None when the engine stops. What waits is shared among free lanes."""
        with self._changed:
            self._free += 1
            while not (self._stopped or len(self._line)):
                self._changed.wait()
            share = -(-len(self._line) // self._free)
            self._free -= 1
            if self._stopped:
                return None
            places = self._line.take(min(share, ROWS), TOKENS)
            return places, [self._requests[each.request].inputs[each.index] for each in places]

    def _put(self, places: Sequence[Place], vectors: Rows) -> list[Computed]:
        """Hand rows to their requests; those that this completes."""
        over = []
        with self._changed:
            for place, vector in zip(places, vectors, strict=True):
                request = self._requests.get(place.request)
                if request is None:
                    continue  # dropped while the batch was computed
                request.vectors[place.index] = vector
                request.missing -= 1
                if not request.missing:
                    del self._requests[place.request]
                    over.append(Computed(place.request, request.vectors))
        return over

    def _each_alone(
        self, places: Sequence[Place], inputs: Sequence[Sequence[int]], error: Exception
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
                over.append(Computed(name, None, error))
        return over
