"""The loop: sequences join and leave at every step, and all that run advance together."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from collections.abc import Sequence as List

from tasks.errors import InvalidJob, JobCancelled, ModelFailed, TaskError
from tasks.events import Done, Event, Failed, Usage
from worker.engine.plan import Pending, plan
from worker.engine.sequence import Request, Sequence
from worker.runtimes.base import ChatRuntime, Feed, Sampled
from worker.runtimes.errors import RuntimeFault

log = logging.getLogger(__name__)

Told = list[tuple[str, Event]]


class Engine:
    """One runtime's decode loop.

    1. ``start`` begins the loop's thread, which loads the model, and returns when it has. All of
       a runtime's computing must come from one thread: libgomp counts a team of threads for each
       caller, and with more of them than cores it stops spinning. A model that was warmed up in
       the main thread decoded at a sixth of its speed in this one (34 tokens/s instead of 205).
    2. ``submit`` and ``cancel`` leave word; the loop hears it before its next step.
    3. After each step ``tell`` gets everything that happened in it, as (request id, event).
    4. ``stop`` ends the loop after the step it is in; what ran is dropped without an event, for
       its tokens are logged and another attempt continues from them. ``close`` frees the model.
    """

    runtime: ChatRuntime

    def __init__(self, load: Callable[[], ChatRuntime], tell: Callable[[Told], None]) -> None:
        self._load = load
        self._tell = tell
        self._loaded = threading.Event()
        self._refused: Exception | None = None
        self._word = threading.Condition()
        self._waiting: deque[Sequence] = deque()
        self._cancelled: dict[str, TaskError] = {}
        self._stopping = False
        self._running: dict[int, Sequence] = {}
        self._open: dict[str, list[Sequence]] = {}
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Load the model and begin the loop; raises what the loading raised."""
        self._thread.start()
        self._loaded.wait()
        if self._refused is not None:
            raise self._refused

    def submit(self, request: Request) -> None:
        """Queue the request's sequences; its last event is ``Done`` or ``Failed``."""
        sequences = [Sequence(request, index, self.runtime.context) for index in range(request.n)]
        for sequence in sequences:
            if (resumed := request.resume.get(sequence.index)) is not None:
                sequence.finished = resumed.finished
        with self._word:
            self._open[request.id] = sequences
            self._waiting.extend(entry for entry in sequences if entry.finished is None)
            self._word.notify()

    def cancel(self, request_id: str, error: TaskError | None = None) -> None:
        """End the request with ``error`` before the next step; unknown ids are ignored."""
        with self._word:
            if request_id in self._open:
                self._cancelled[request_id] = error or JobCancelled("The job was cancelled.")
                self._word.notify()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the loop after its step; handlers may still ask the runtime for a prompt."""
        with self._word:
            self._stopping = True
            self._word.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def close(self) -> None:
        """Free the model, once nobody uses the runtime any more."""
        self.stop()
        if self._refused is None:
            self.runtime.shutdown()

    @property
    def busy_slots(self) -> dict[int, str]:
        """Slot to request id, of those that run."""
        return {slot: sequence.request.id for slot, sequence in list(self._running.items())}

    def _run(self) -> None:
        try:
            self.runtime = self._load()
        except Exception as error:  # noqa: BLE001 - raised by start, in its caller's thread
            self._refused = error
            return
        finally:
            self._loaded.set()
        self._loop()

    def _loop(self) -> None:
        while self._listen():
            told: Told = []
            try:
                self._end_cancelled(told)
                self._admit()
                self._step(told)
                self._finish_requests(told)
            except Exception:
                # A fault of ours must not end the loop: nobody would answer any more.
                log.exception("a step failed; every open request fails with it")
                self._fail(list(self._open), told)
            if told:
                self._tell(told)
        for slot in list(self._running):
            self._leave(slot)

    def _listen(self) -> bool:
        with self._word:
            while not (self._stopping or self._waiting or self._running or self._open):
                self._word.wait()
            return not self._stopping

    def _end_cancelled(self, told: Told) -> None:
        with self._word:
            cancelled, self._cancelled = self._cancelled, {}
            for request_id in cancelled:
                self._open.pop(request_id, None)
            self._waiting = deque(s for s in self._waiting if s.request.id not in cancelled)
        for slot, sequence in list(self._running.items()):
            if sequence.request.id in cancelled:
                self._leave(slot)
        told.extend((request_id, Failed.of(error)) for request_id, error in cancelled.items())

    def _admit(self) -> None:
        free = (slot for slot in range(self.runtime.slots) if slot not in self._running)
        for slot in free:
            with self._word:
                if not self._waiting:
                    return
                sequence = self._waiting.popleft()
            try:
                sequence.enter(self.runtime, slot)
            except ValueError as error:
                # The runtime refuses what only it can judge, such as a token id beyond its
                # vocabulary; no slot was taken.
                self.cancel(sequence.request.id, InvalidJob(str(error)))
                continue
            self._running[slot] = sequence

    def _step(self, told: Told) -> None:
        feeds = self._feeds()
        if not feeds:
            return
        try:
            drawn = self.runtime.decode(feeds)
        except RuntimeFault as fault:
            # The slots of this batch are in no known state; requests not in it go on.
            log.warning("decode failed with %d slots in the batch: %s", len(feeds), fault)
            self._fail({self._running[feed.slot].request.id for feed in feeds}, told)
            return
        self._advance(feeds, drawn, told)

    def _feeds(self) -> list[Feed]:
        waiting = [Pending(slot, len(entry.pending)) for slot, entry in self._running.items()]
        feeds = []
        for share in plan(waiting, self.runtime.batch_tokens):
            tokens = self._running[share.slot].pending
            feeds.append(Feed(share.slot, tokens[: share.tokens], share.tokens == len(tokens)))
        return feeds

    def _advance(self, feeds: List[Feed], drawn: List[Sampled], told: Told) -> None:
        for feed in feeds:
            sequence = self._running[feed.slot]
            sequence.pending = sequence.pending[len(feed.tokens) :]
        for token in drawn:
            sequence = self._running[token.slot]
            events = sequence.take(self.runtime, token)
            told.extend((sequence.request.id, event) for event in events)
            if sequence.finished is not None:
                self._leave(token.slot)

    def _finish_requests(self, told: Told) -> None:
        with self._word:
            over = {
                request_id: sequences
                for request_id, sequences in self._open.items()
                if all(sequence.finished for sequence in sequences)
            }
            for request_id in over:
                del self._open[request_id]
        for request_id, sequences in over.items():
            drawn = sum(sequence.finished.tokens for sequence in sequences if sequence.finished)
            told.append((request_id, Done(Usage(len(sequences[0].request.prompt), drawn))))

    def _fail(self, request_ids: Iterable[str], told: Told) -> None:
        for request_id in request_ids:
            self.cancel(request_id, ModelFailed("The model could not compute this request."))
        self._end_cancelled(told)

    def _leave(self, slot: int) -> None:
        del self._running[slot]
        self.runtime.close(slot)
