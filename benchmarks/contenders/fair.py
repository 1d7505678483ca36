"""Two owners want one model, and one asks a hundred times as often: how long does the other wait?

Jobs are enqueued by ``tasks.gateway``, whatever became of those before; what the ledger wrote of
each tells when it was accepted, begun and done. First the one owner asks alone, then beside the
other, whose surplus is refused and taken back at the end.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import mean

from benchmarks.contenders.sample import hand_over
from benchmarks.figures import percentile
from benchmarks.prompts import new_texts, new_words
from tasks.errors import QueueFull
from tasks.gateway import Gateway, default_gateway
from tasks.jobs import ChatJob, EmbedJob, Job, Message, Sampling, new_id
from tasks.model import Model
from tasks.records import Record

ONE, MANY = "one", "many"
PER_S, TIMES = 2.0, 100
ALONE_S, BESIDE_S = 15.0, 30.0
# In which the queue fills before the one owner comes.
AHEAD_S = 5.0
PROMPT_WORDS, TOKENS, TEXTS = 24, 16, 16
END_S = 60.0


@dataclass(frozen=True, slots=True)
class Waits:
    """What an owner's jobs waited for their turn, and took from it, in seconds."""

    waits_s: Sequence[float]
    services_s: Sequence[float]

    @property
    def p95_ms(self) -> float:
        """Of the waits."""
        return 1000 * percentile(self.waits_s, 95)

    @property
    def service_ms(self) -> float:
        """Mean time from its begin to its end."""
        return 1000 * mean(self.services_s)


def job_of(model: Model, owner: str) -> Job:
    """A small job, of which no two are alike."""
    identity, asked_at = new_id(), time.time()
    if model.kind == "embed":
        return EmbedJob(
            id=identity,
            model=model.name,
            owner=owner,
            texts=tuple(new_texts(TEXTS)),
            created_at=asked_at,
        )
    return ChatJob(
        id=identity,
        model=model.name,
        owner=owner,
        messages=(Message("user", f"{new_words(PROMPT_WORDS)}. Go on."),),
        sampling=Sampling(temperature=0.0),
        max_tokens=TOKENS,
        ignore_eos=True,
        created_at=asked_at,
    )


def ask(gateway: Gateway, model: Model, for_s: float) -> list[str]:
    """The one owner's jobs, at their times; none of them may be refused."""
    ids, begun_s = [], time.perf_counter()
    for number in range(int(for_s * PER_S)):
        time.sleep(max(begun_s + number / PER_S - time.perf_counter(), 0))
        job = job_of(model, ONE)
        gateway.enqueue(job)
        ids.append(job.id)
    return ids


@contextmanager
def flooded(gateway: Gateway, model: Model) -> Iterator[list[str]]:
    """The other owner asks all the time while the block runs; the ids of what was accepted."""
    over, accepted = threading.Event(), list[str]()

    def flood() -> None:
        due_s = time.perf_counter()
        while not over.wait(max(due_s - time.perf_counter(), 0)):
            due_s += 1 / (PER_S * TIMES)
            job = job_of(model, MANY)
            try:
                gateway.enqueue(job)
                accepted.append(job.id)
            except QueueFull:
                continue

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        time.sleep(AHEAD_S)
        yield accepted
    finally:
        over.set()
        thread.join()
        for job_id in reversed(accepted):
            gateway.ledger.cancel(job_id, model.queue)


def waits_of(gateway: Gateway, ids: Sequence[str]) -> Waits:
    """By the ledger, once all of them are done."""
    give_up_at = time.monotonic() + END_S
    records = found(gateway, ids)
    while not all(record.final for record in records):
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"some jobs have no end after {END_S:.0f} s")
        time.sleep(0.2)
        records = found(gateway, ids)
    if any(record.state != "done" for record in records):
        raise RuntimeError("some jobs were not done")
    return Waits(
        [(record.started_s or 0) - record.accepted_s for record in records],
        [(record.finished_s or 0) - (record.started_s or 0) for record in records],
    )


def found(gateway: Gateway, ids: Sequence[str]) -> list[Record]:
    """Their records."""
    return [record for record in gateway.records.many(ids) if record is not None]


def main() -> None:
    """Measure and hand over."""
    gateway = default_gateway()
    model = gateway.catalog.find(sys.argv[1])
    waits_of(gateway, ask(gateway, model, 1.0))
    alone = waits_of(gateway, ask(gateway, model, ALONE_S))
    with flooded(gateway, model) as accepted:
        ids = ask(gateway, model, BESIDE_S)
        beside = waits_of(gateway, ids)
        others = [record for record in found(gateway, tuple(accepted)) if record.state == "done"]
    hand_over(
        {
            "alone_ms": alone.p95_ms,
            "beside_ms": beside.p95_ms,
            "service_ms": beside.service_ms,
            "service_alone_ms": alone.service_ms,
            "times": (beside.p95_ms - alone.p95_ms) / beside.service_ms,
            "flood_s": mean((record.started_s or 0) - record.accepted_s for record in others),
        }
    )
    gateway.close()


if __name__ == "__main__":
    main()
