"""When the leases' thread reports: real Redis, no model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import msgspec
import pytest

from tasks.jobs import ChatJob, Message, new_id
from tasks.ledger import Claim, Ledger
from tasks.model import Model
from tasks.reply import Reply
from tasks.roster import Report, Roster
from tasks.settings import QueueSettings
from worker.leases import Leases
from worker.settings import WorkerSettings

SOON_S = 0.5


class Worker:
    """Leases with long times between two renewals, and what they report."""

    def __init__(self, settings: QueueSettings, ledger: Ledger) -> None:
        own = WorkerSettings.model_validate({**settings.model_dump(), "lease_renew_s": 30})
        self.leases_settings = own
        self.model = Model(name=settings.key_prefix, kind="chat", source="echo:")
        self.ledger = ledger
        self.roster = Roster(ledger.redis, settings)
        self.leases = Leases(ledger, self.roster, self.model, own)

    def report(self) -> Report:
        """The last one."""
        return self.roster.workers(self.model.queue)[self.leases.holder]

    def hold(self) -> Reply:
        """A job in hand."""
        job = ChatJob(id=new_id(), model=self.model.name, messages=(Message("user", "x"),))
        self.ledger.accept(job, self.model.queue)
        claim = self.ledger.claim(self.model.queue, self.leases.holder)
        assert isinstance(claim, Claim)
        reply = Reply(claim, self.model.queue, lambda: None)
        self.leases.hold(reply)
        return reply


@pytest.fixture
def worker(settings: QueueSettings, ledger: Ledger) -> Iterator[Worker]:
    """One that has reported."""
    worker = Worker(settings, ledger)
    worker.leases.start()
    wait_for(lambda: bool(worker.roster.workers(worker.model.queue)))
    yield worker
    worker.leases.close()


def wait_for(condition: Callable[[], bool], timeout_s: float = SOON_S) -> None:
    """Until the condition holds."""
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


def test_busy_and_idle_are_reported_long_before_the_next_renewal(worker: Worker) -> None:
    """Within half a second in both directions, with the time since when nothing is held."""
    worker.leases.become("ready")
    wait_for(lambda: worker.report().state == "ready")
    idle_ms = worker.report().idle_ms
    reply = worker.hold()
    wait_for(lambda: worker.report().busy == 1)
    assert worker.report().idle_ms == 0
    worker.leases.drop(reply)
    wait_for(lambda: worker.report().busy == 0)
    assert worker.report().idle_ms > idle_ms


def test_a_stream_of_short_jobs_makes_few_reports(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred jobs a second are a handful of reports, none of them by whoever holds a job."""
    reports: list[float] = []
    real = worker.leases.report

    def report() -> Report:
        reports.append(time.monotonic())
        return real()

    monkeypatch.setattr(worker.leases, "report", report)
    for _ in range(60):
        worker.leases.drop(worker.hold())
        time.sleep(0.005)
    time.sleep(0.3)
    assert 1 <= len(reports) <= 10


def test_a_worker_that_is_ready_retires_its_own_failures(worker: Worker) -> None:
    """What an earlier process by its name could not load is no news any more."""
    mine = worker.report()
    others = mine.__class__(
        node="another@box", state="failed", pid=1, slots=1, context=1, expires_ms=mine.expires_ms
    )
    failed = mine.__class__(
        node=mine.node, state="failed", pid=1, slots=1, context=1, expires_ms=mine.expires_ms
    )
    worker.roster.report(worker.model.queue, "earlier", failed)
    worker.roster.report(worker.model.queue, "another", others)
    worker.leases.become("ready")
    wait_for(lambda: "earlier" not in worker.roster.workers(worker.model.queue))
    assert "another" in worker.roster.workers(worker.model.queue)


def test_a_worker_clears_away_what_tries_to_load_left(worker: Worker) -> None:
    """Of a queue that never took a job nobody else does: a row would stay of every try."""
    now = worker.report()

    def left(instance: str, state: str, expires_ms: int) -> None:
        report = msgspec.structs.replace(now, state=state, expires_ms=expires_ms)
        worker.roster.report(worker.model.queue, instance, report)

    left("failed long ago", "failed", 1)
    left("killed in loading", "loading", 1)
    left("failed just now", "failed", now.expires_ms)
    left("may have held jobs", "ready", 1)
    later = Leases(worker.ledger, worker.roster, worker.model, worker.leases_settings)
    later.report()
    kept = set(worker.roster.all_workers(worker.model.queue))
    assert kept == {"failed just now", "may have held jobs", worker.leases.holder, later.holder}
