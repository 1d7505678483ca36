"""Load: clients that ask without a pause while parts are injured, each to the end of its answer."""

from __future__ import annotations

import itertools
import random
import threading

from faults.audit import Counts, Expected, audit
from faults.balancer import Course
from faults.client import Client, chat, retried
from faults.wire import gapless, longest_pause_s
from faults.yard import Yard

# At 40 tokens of three characters a second: 1.5 to 7 s, shorter and longer than an API's shutdown.
SHORTEST, LONGEST = 180, 840
WHOLE_TEXT = "word " * 20
ANSWER_S = 90.0
TRIES = 20


class Load:
    """So many clients in threads, from ``start`` until ``stop``. Thread-safe.

    Every fourth request asks for a whole answer, short enough to end within an API's shutdown; the
    others stream. They go to both APIs in turn, as a load balancer deals them out. Each job is
    audited when its answer has ended (records expire): an attempt more is right for every injury
    that its worker took meanwhile. ``refusals_allowed``: 5xx, and streams that were cut, are what
    the injuries make of it; otherwise each is a breach. ``injury`` is what was done last: breaches
    are noted with it.
    """

    def __init__(
        self, yard: Yard, client: Client, clients: int, seed: int, *, refusals_allowed: bool
    ) -> None:
        self.counts = Counts()
        self.resumed = 0
        self.injury = ""
        self.longest_pause_s = 0.0
        self._yard = yard
        self._client = client
        self._refusals_allowed = refusals_allowed
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(seed * 1000 + turn),))
            for turn in range(clients)
        ]

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> Counts:
        """Ask no more, wait for what was asked; the counts over all of it."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        unknown = len(self._client.book.ids()) - self.counts.accepted
        self.counts.require(unknown == 0, f"{unknown} accepted jobs were not audited")
        self.counts.require(self.counts.accepted > 0, "there was no load")
        return self.counts

    def _run(self, dice: random.Random) -> None:
        while not self._stopped.is_set():
            number = next(self._numbers)
            model = dice.choice(self._yard.models).name
            counts = Counts()
            if number % 4 == 3:
                self._ask_whole(counts, model, number % len(self._yard.urls))
            else:
                text = text_of(number, dice)
                self._ask_stream(counts, model, text, number % len(self._yard.urls))
            if self.injury:
                counts.notes = [f"{note} (last: {self.injury})" for note in counts.notes]
            with self._lock:
                self.counts.add(counts)

    def _ask_stream(self, counts: Counts, model: str, text: str, api: int) -> None:
        worker = self._yard.worker(model)
        before = worker.injuries
        course = Course(self._client, chat(model, text), api)
        course.run(ANSWER_S)
        stream = course.stream
        if not self._refusals_allowed:
            counts.require(not course.refusals, f"{course.refusals} to a stream")
            counts.require(not course.cuts, f"a stream was cut: {course.cuts}")
        if stream is None or not stream.job_id:
            counts.require(self._refusals_allowed, "a request was answered by nobody")
            return
        expected = Expected(
            stream.job_id,
            deaths=worker.injuries - before,
            heard=tuple(stream.events),
            text=text,
        )
        counts.add(audit(self._yard.shelf, [stream.job_id], [expected]))
        counts.require(course.whole, f"{stream.job_id[:16]} ended with {stream.ending}")
        counts.require(gapless(stream.events), f"{stream.job_id[:16]}: a gap or a repeat")
        with self._lock:
            self.resumed += course.resumed
            pause_s = longest_pause_s(stream.events, 0.0)
            self.longest_pause_s = max(self.longest_pause_s, pause_s)

    def _ask_whole(self, counts: Counts, model: str, api: int) -> None:
        worker = self._yard.worker(model)
        before = worker.injuries
        for turn in range(TRIES):
            answer = self._client.post(chat(model, WHOLE_TEXT), api=(api + turn) % 2)
            if answer.status >= 500:
                said = f"{answer.status} {answer.code} after {answer.took_s:.1f} s"
                counts.require(self._refusals_allowed, f"{said} to a whole request")
            if not retried(answer):
                break
            self._stopped.wait(0.2)
        if answer.status != 200:
            counts.require(self._refusals_allowed, f"{answer.status} to a whole request")
            return
        deaths = worker.injuries - before
        counts.add(audit(self._yard.shelf, [answer.job_id], deaths=deaths))


def text_of(number: int, dice: random.Random) -> str:
    """A text that no other request of this load asks for."""
    length = dice.randint(SHORTEST, LONGEST)
    return " ".join(f"{number}.{word}" for word in range(length))[:length].rstrip()
