"""The loop: sequences join and leave at every step, and all that run advance together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from tasks.errors import DeadlineExceeded, InvalidJob, JobCancelled, ModelFailed, TaskError
from tasks.events import Event, Failed
from worker.engine import accounts
from worker.engine.line import Line
from worker.engine.meter import Meter
from worker.engine.request import Request
from worker.engine.sequence import Sequence
from worker.engine.slots import Slots
from worker.engine.step import Step
from worker.engine.view import SlotView, view
from worker.runtimes.base import ChatRuntime
from worker.runtimes.errors import DecodeFailed, RuntimeFault

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
        self._submitted: list[list[Sequence]] = []
        self._cancelled: dict[str, TaskError] = {}
        self._stopping = False
        self._slots: Slots
        self.meter = Meter()
        self._line = Line()
        self._open: dict[str, list[Sequence]] = {}
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Load the model and begin the loop; raises what the loading raised."""
        self._thread.start()
        self._loaded.wait()
        if self._refused is not None:
            raise self._refused

    def submit(self, request: Request) -> None:
        """Queue the request's sequences; its last event is ``Done`` or ``Failed``.

        Raises ``InvalidJob`` when it asks for more choices at once than there are slots.
        """
        if request.n > self.runtime.slots:
            raise InvalidJob(f"n must be at most {self.runtime.slots}.", param="n")
        context = self.runtime.context
        sequences = [Sequence(request, index, context) for index in range(request.choices)]
        for sequence in sequences:
            sequence.finished = sequence.resumed.finished
        with self._word:
            self._open[request.id] = sequences
            self._submitted.append([each for each in sequences if each.finished is None])
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
        return {slot: each.request.id for slot, each in list(self._slots.running.items())}

    def slots(self) -> list[SlotView]:
        """What every slot does and holds."""
        return view(self._slots, self.runtime.slots)

    def _run(self) -> None:
        try:
            self.runtime = self._load()
            self._slots = Slots(self.runtime)
        except Exception as error:  # noqa: BLE001 - raised by start, in its caller's thread
            self._refused = error
            return
        finally:
            self._loaded.set()
        self._loop()

    def _loop(self) -> None:
        step = Step(self.runtime, self._slots, self.meter)
        while self._listen():
            told: Told = []
            try:
                self._end_overdue()
                self._end_cancelled(told)
                self._admit(told)
                self._advance(step, told)
                self._finish_requests(told)
            except Exception:
                # A fault of ours must not end the loop: nobody would answer any more.
                log.exception("a step failed; every open request fails with it")
                self._fail(list(self._open), told)
                self._slots.forget(range(self.runtime.slots))
            if told:
                self._tell(told)
        for slot in list(self._slots.running):
            self._slots.leave(slot)

    def _listen(self) -> bool:
        """Hear what was submitted; whether to go on. Waits while there is nothing to do."""
        with self._word:
            while not (self._stopping or self._open):
                self._word.wait()
            submitted, self._submitted = self._submitted, []
            stopping = self._stopping
        now_s = time.monotonic()
        for sequences in submitted:
            self._line.join(sequences, now_s)
        return not stopping

    def _end_overdue(self) -> None:
        now_s = time.monotonic()
        for request_id, sequences in list(self._open.items()):
            deadline_s = sequences[0].request.deadline_s
            if deadline_s is not None and now_s >= deadline_s:
                self.cancel(request_id, DeadlineExceeded("The request's deadline has passed."))

    def _end_cancelled(self, told: Told) -> None:
        with self._word:
            cancelled, self._cancelled = self._cancelled, {}
            for request_id in cancelled:
                self._open.pop(request_id, None)
        if not cancelled:
            return
        self._line.leave(cancelled)
        for sequence in self._slots:
            if sequence.request.id in cancelled:
                self._slots.leave(sequence.slot)
        told.extend((request_id, Failed.of(error)) for request_id, error in cancelled.items())

    def _admit(self, told: Told) -> None:
        while (sequence := self._line.take(self._slots.free, self._slots.ready)) is not None:
            request = sequence.request
            if sequence.limit == 0 and not sequence.scoring:
                # The echo of a prompt and nothing more: there is nothing to compute.
                told.extend((request.id, event) for event in sequence.echo(self.runtime))
                continue
            try:
                self._slots.enter(sequence)
                self.meter.entered(sequence)
                ended = sequence.ended_before()
            except (ValueError, TaskError) as error:
                # The runtime refuses what only it can judge, such as a token id beyond its
                # vocabulary; or a grammar has no place for what an earlier attempt drew.
                refused = error if isinstance(error, TaskError) else InvalidJob(str(error))
                self.cancel(request.id, refused)
                self._end_cancelled(told)
                continue
            told.extend((request.id, event) for event in ended)
            if ended:
                self._slots.leave(sequence.slot)

    def _advance(self, step: Step, told: Told) -> None:
        try:
            happened = step.run()
        except RuntimeFault as fault:
            # The slots of this batch are in no known state, unless it says which of them are;
            # requests not in it go on.
            slots = (fault.slots if isinstance(fault, DecodeFailed) else ()) or step.fed
            self.meter.failed_steps += 1
            log.warning("decode failed with %d slots in the batch: %s", len(slots), fault)
            requests = {self._slots.running[slot].request.id for slot in slots}
            self._fail(requests, told)
            self._slots.forget(slots)
            return
        told.extend((sequence.request.id, event) for sequence, event in happened.events)
        for sequence in happened.finished:
            self._slots.leave(sequence.slot)
        for sequence, error in happened.failed:
            self.cancel(sequence.request.id, error)
        if happened.failed:
            self._end_cancelled(told)

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
            done = accounts.done(sequences)
            self.meter.answered(sequences, done.timings)
            told.append((request_id, done))

    def _fail(self, request_ids: Iterable[str], told: Told) -> None:
        for request_id in request_ids:
            self.cancel(request_id, ModelFailed("The model could not compute this request."))
        self._end_cancelled(told)
