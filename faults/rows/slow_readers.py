"""Row 10: clients that read 1 KB/s, beside others that read as fast as they can."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

from faults.audit import Counts, audit
from faults.client import Client, chat
from faults.lanes import one_by_one
from faults.raw import RawPost
from faults.row import Row
from faults.stream import Stream
from faults.trial import Trial
from faults.wire import Reader, gapless
from faults.yard import Yard

READERS = 2
OTHERS = 6
# 20 s of an answer in eight choices, each token with the log probabilities of twenty others: some
# 480 KB/s for a reader. The kernel takes some 3 MB of it off the API, which then must wait itself.
LONG = "slow " * 500
WITH_SCORES = {"n": 8, "logprobs": True, "top_logprobs": 20, "stream": True}
FILLED_S = 9.0
SETTLED_S = 1.0
# A burst of another process on the machine lengthens gaps too: what slow readers do lasts.
WINDOWS, WINDOW_S = 3, 2.0
SLOW_BYTES_PER_S = 1024
# The most that Linux keeps for a connection (net.ipv4.tcp_wmem): beyond it the API is held up.
KERNEL_BYTES = 4 * 1024 * 1024
LARGEST_RISE = 1.10
LARGEST_GROWTH_BYTES = 24 * 1024 * 1024


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """Six streams are timed while two clients of other models read large answers (480 KB/s each) at
    full speed; then again while two read theirs at 1 KB/s, the kernel's buffers are full and the
    API waits for them; all through one API process. The others' p95 gap between two events (in the
    calmest of three windows of 2 s) must be less than 10% longer, and the API's memory may grow by
    no more than 24 MiB. Then the slow ones read on at full speed: their answers must be whole, each
    event once."""
    yield from one_by_one(yard, numbers, trial)


def trial(yard: Yard, _model: str, number: int) -> Trial:
    """A phase with fast readers, one with slow readers, on the same load."""
    others, *read = (model.name for model in yard.models[: READERS + 1])
    with yard.client(f"10-{number}") as client:
        fast = [Reading(yard, model, slow=False) for model in read]
        usual_s = p95_gap_s(client, others)
        for reading in fast:
            reading.leave()
        before = yard.part("api-a").reading().rss_bytes
        slow = [Reading(yard, model, slow=True) for model in read]
        time.sleep(FILLED_S)
        beside_s = p95_gap_s(client, others)
        grown = yard.part("api-a").reading().rss_bytes - before
        logged = [length(yard, reading.post.job_id) for reading in slow]
        taken = [len(reading.post.received) for reading in slow]
        for reading in slow:
            reading.finish()
        ids = [*client.book.ids(), *(reading.post.job_id for reading in [*fast, *slow])]
        counts = audit(yard.shelf, ids, ends=frozenset({"done", "cancelled"}))
        rise = beside_s / usual_s
        counts.require(rise < LARGEST_RISE, f"the others' p95 gap rose to {rise:.0%}")
        counts.require(grown < LARGEST_GROWTH_BYTES, f"the API grew by {grown >> 20} MiB")
        for reading, events, taken_bytes in zip(slow, logged, taken, strict=True):
            require_whole(counts, yard, reading.post)
            whole_bytes = len(reading.post.received)
            said_bytes = whole_bytes * events / length(yard, reading.post.job_id)
            behind = said_bytes - taken_bytes
            counts.require(behind > KERNEL_BYTES, f"the API never waited: {behind / 1e6:.1f} MB")
        figures = f"p95 gap {usual_s * 1000:.1f} ms, beside slow readers {beside_s * 1000:.1f} ms"
        return counts.trial(number, note=f"{figures}; API {grown / 2**20:+.1f} MiB")


class Reading:
    """A large answer through API A, read in a thread: if slowly, until it is to ``finish``."""

    def __init__(self, yard: Yard, model: str, *, slow: bool) -> None:
        self.post = RawPost(yard.urls[0], chat(model, LONG, **WITH_SCORES), small_window=True)
        self._hurried = threading.Event()
        if not slow:
            self._hurried.set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Read to the end."""
        self._hurried.set()
        self._thread.join()
        self.post.leave()

    def leave(self) -> None:
        """Go in the middle of it."""
        self._hurried.set()
        self.post.leave(reset=True)
        self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            self.post.read_at(SLOW_BYTES_PER_S, self._hurried)
            self.post.read_all()


def length(yard: Yard, job_id: str) -> int:
    """How many events the job's log has."""
    return int(yard.redis.xlen(yard.keys.log(job_id)))


def p95_gap_s(client: Client, model: str) -> float:
    """The 95th percentile of the time between two events of six streams, in the calmest window."""
    text = "word " * 400
    streams = [client.stream(chat(model, text)) for _ in range(OTHERS)]
    time.sleep(SETTLED_S)
    began = time.monotonic()
    time.sleep(WINDOWS * WINDOW_S)
    edges = [began + turn * WINDOW_S for turn in range(WINDOWS + 1)]
    gaps = [sorted(gaps_s(streams, *window)) for window in pairwise(edges)]
    for stream in streams:
        stream.leave()
    return min(window[int(len(window) * 0.95)] for window in gaps)


def gaps_s(streams: Sequence[Stream], since: float, until: float) -> Iterator[float]:
    """The times between two events of a stream that came in this window."""
    for stream in streams:
        times = [event.at for event in list(stream.events) if since < event.at <= until]
        yield from (late - early for early, late in pairwise(times))


def require_whole(counts: Counts, yard: Yard, post: RawPost) -> None:
    """The answer came to its end, each event once, and its text is what was asked for."""
    reader = Reader()
    for line in post.lines:
        reader.line(line)
    counts.require(reader.done and reader.error is None, f"a reader's answer ended {reader.error}")
    counts.require(gapless(reader.events), "a gap or a repeat in a reader's answer")
    counts.require(reader.text == LONG, "a reader's text is another")
    counts.require(yard.shelf.state(post.job_id) == "done", "a reader's job is not done")


ROWS = (
    Row(
        key="10",
        title="slow clients at 1 KB/s: others' p95 gap, memory of the API",
        full=10,
        small=1,
        play=play,
    ),
)
