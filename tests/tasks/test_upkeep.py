"""What the reconciler does with the ledger, round by round."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tasks.errors import ModelUnavailable
from tasks.events import Done, Failed, Token, Usage
from tasks.jobs import Priority
from tasks.ledger import Ledger
from tasks.records import Records
from tasks.settings import QueueSettings
from tasks.terms import Terms
from tasks.upkeep import Upkeep
from tests.tasks.test_ledger import QUEUE, a_job, append, claimed


def test_what_waits_past_its_deadline_expires(ledger: Ledger, upkeep: Upkeep) -> None:
    """With a typed end; what has no deadline, or a later one, goes on waiting."""
    late = a_job(deadline_at=time.time() - 1)
    others = [a_job(), a_job(deadline_at=time.time() + 60)]
    for job in (late, *others):
        ledger.accept(job, QUEUE)
    time.sleep(0.005)
    assert upkeep.expire() == [late.id]
    assert ledger.state(late.id) == "expired"
    [(_, end)] = ledger.log(late.id)
    assert isinstance(end, Failed)
    assert end.code == "deadline_exceeded"
    assert ledger.waiting(QUEUE) == 2


def test_a_running_job_is_its_workers_to_expire(ledger: Ledger, upkeep: Upkeep) -> None:
    """It stays running, and expires here only once it waits again."""
    job = a_job(deadline_at=time.time() + 0.02)
    ledger.accept(job, QUEUE)
    claim = claimed(ledger)
    time.sleep(0.03)
    assert upkeep.expire() == []
    assert ledger.state(job.id) == "running"
    ledger.release(claim, QUEUE)
    ledger.redis.zadd(ledger.keys.open, {job.id: 1})  # a second later
    assert upkeep.expire() == [job.id]


def test_the_jobs_of_a_dead_process_wait_again_at_once(ledger: Ledger, upkeep: Upkeep) -> None:
    """Its leases are not waited for; those of others hold."""
    for _ in range(2):
        ledger.accept(a_job(), QUEUE)
    dead, alive = claimed(ledger, "dead"), claimed(ledger, "alive")
    assert upkeep.reap(QUEUE, ["dead"]) == [(dead.job_id, "queued")]
    assert ledger.state(alive.job_id) == "running"
    assert ledger.record(dead.job_id)["strikes"] == "1"


def test_only_the_dead_are_reaped_by_one_that_just_came(
    ledger: Ledger, upkeep: Upkeep, settings: QueueSettings
) -> None:
    """A lease that is over says nothing to who has not watched for as long."""
    brief = Ledger(ledger.redis, settings.model_copy(update={"lease_s": 0.01}))
    for _ in range(2):
        ledger.accept(a_job(), QUEUE)
    claimed(brief, "late")
    dead = claimed(brief, "dead")
    time.sleep(0.02)
    assert upkeep.reap(QUEUE, ["dead"], lapsed=False) == [(dead.job_id, "queued")]


def test_a_cancelled_job_that_is_released_ends(ledger: Ledger) -> None:
    """Nobody needs to claim it to find out."""
    ledger.accept(a_job(), QUEUE)
    claim = claimed(ledger)
    assert ledger.cancel(claim.job_id, QUEUE) == "running"
    assert ledger.release(claim, QUEUE)
    assert ledger.state(claim.job_id) == "cancelled"


def test_an_audit_finds_what_is_nowhere(ledger: Ledger, upkeep: Upkeep) -> None:
    """A waiting job without a place and a running one without a lease are claimed again."""
    for _ in range(3):
        ledger.accept(a_job(), QUEUE)
    running = claimed(ledger)
    assert upkeep.audit() == []
    ledger.redis.delete(ledger.keys.running(QUEUE), f"{ledger.keys.waiting(QUEUE)}:0")
    assert len(upkeep.audit()) == 3
    assert upkeep.audit() == []
    assert running.job_id in {claimed(ledger).job_id for _ in range(3)}


def test_an_audit_forgets_what_has_no_record(ledger: Ledger, upkeep: Upkeep) -> None:
    """An entry of a job that is gone would come up for ever."""
    ledger.redis.zadd(ledger.keys.open, {"gone": 1})
    assert upkeep.audit() == ["gone"]
    assert ledger.redis.zcard(ledger.keys.open) == 0


def test_a_job_that_ends_while_an_audit_runs_was_where_it_belongs(
    ledger: Ledger, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was found among the open ones a moment ago: beside batches that is said every time."""
    job = a_job()
    ledger.accept(job, QUEUE)
    append(ledger, claimed(ledger), 1, Done(Usage(1, 1)), state="done")
    monkeypatch.setattr(type(ledger.redis), "zscan", lambda *_, **__: (0, [(job.id.encode(), 1.0)]))
    assert upkeep.audit() == []


def test_the_index_forgets_with_the_records(
    ledger: Ledger, upkeep: Upkeep, records: Records, settings: QueueSettings
) -> None:
    """A job that expired from Redis leaves no entry behind."""
    ledger.accept(a_job(), QUEUE)
    append(ledger, claimed(ledger), 1, Done(Usage(1, 1)), state="done")
    assert upkeep.forget() == 0
    [(entry, _)] = ledger.redis.zrange(ledger.keys.ended, 0, -1, withscores=True)
    ledger.redis.zadd(ledger.keys.ended, {entry: 1})
    assert upkeep.forget() == 1
    assert ledger.redis.zcard(ledger.keys.index("local")) == 0
    assert records.page("local", limit=10).records == ()


def test_however_many_are_due_all_are_forgotten(
    ledger: Ledger, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than one call takes: else the index of a busy model grows for as long as it is busy."""
    monkeypatch.setattr("tasks.upkeep.FORGOTTEN_A_CALL", 2)
    ledger.redis.zadd(ledger.keys.ended, {f"job-{number} local": 1 for number in range(5)})
    assert upkeep.forget() == 5
    assert ledger.redis.zcard(ledger.keys.ended) == 0


def test_a_jobs_end_makes_its_webhook_due(
    ledger: Ledger, upkeep: Upkeep, settings: QueueSettings
) -> None:
    """At once, again when nobody settles it, and not any more when somebody did."""
    terms = replace(Terms.background(settings), webhook_url="https://a.example/")
    ledger.accept(a_job(), QUEUE, terms)
    assert upkeep.due_webhooks(60, 10) == []
    claim = claimed(ledger)
    append(ledger, claim, 1, Done(Usage(1, 1)), state="done")
    assert upkeep.due_webhooks(0, 10) == [claim.job_id]
    assert upkeep.due_webhooks(60, 10) == [claim.job_id]
    assert upkeep.due_webhooks(60, 10) == []
    upkeep.delay_webhook(claim.job_id, 0, "503")
    assert upkeep.due_webhooks(0, 10) == [claim.job_id]
    upkeep.settle_webhook(claim.job_id, "delivered")
    assert upkeep.due_webhooks(0, 10) == []


def test_a_job_with_a_webhook_is_kept_for_its_tries(
    ledger: Ledger, settings: QueueSettings
) -> None:
    """Its record outlives the longest schedule, its log only what was agreed."""
    terms = replace(Terms.background(settings), webhook_url="https://a.example/")
    ledger.accept(a_job(), QUEUE, terms)
    claim = claimed(ledger)
    append(ledger, claim, 1, Done(Usage(1, 1)), state="done")
    assert ledger.redis.ttl(ledger.keys.job(claim.job_id)) > 86_400
    assert ledger.redis.ttl(ledger.keys.log(claim.job_id)) <= settings.job_ttl_s


REFUSED = Failed.of(ModelUnavailable("The model 'm' does not load: no file"))


def test_who_waits_and_listens_is_refused(ledger: Ledger, upkeep: Upkeep) -> None:
    """With a typed end, whichever line the job is in; what runs goes on."""
    running, *waiting = (a_job(priority=p) for p in (Priority.INTERACTIVE, *Priority))
    ledger.accept(running, QUEUE)
    claimed(ledger)
    for job in waiting:
        ledger.accept(job, QUEUE)
    assert sorted(upkeep.refuse(QUEUE, REFUSED, 100)) == sorted(job.id for job in waiting)
    assert {ledger.state(job.id) for job in waiting} == {"failed"}
    [(_, end)] = ledger.log(waiting[0].id)
    assert end == REFUSED
    assert ledger.state(running.id) == "running"
    assert upkeep.refuse(QUEUE, REFUSED, 100) == []


def test_a_job_that_goes_on_is_refused_too(ledger: Ledger, upkeep: Upkeep) -> None:
    """Its end comes after what it said already."""
    job = a_job()
    ledger.accept(job, QUEUE)
    claim = claimed(ledger)
    append(ledger, claim, 1, Token(0, (1,), "a"))
    ledger.release(claim, QUEUE)
    assert upkeep.refuse(QUEUE, REFUSED, 100) == [job.id]
    assert [seq for seq, _ in ledger.log(job.id)] == [1, 2]


def test_what_nobody_listens_to_is_not_refused(
    ledger: Ledger, upkeep: Upkeep, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits on, however much of it lies before those who listen; as many end as may."""
    monkeypatch.setattr("tasks.upkeep.REFUSE_STRETCH", 2)
    kept = [a_job() for _ in range(5)]
    heard = [a_job() for _ in range(3)]
    for job in kept:
        ledger.accept(job, QUEUE, Terms.background(ledger.settings))
    for job in heard:
        ledger.accept(job, QUEUE)
    assert len(upkeep.refuse(QUEUE, REFUSED, 2)) == 2
    assert len(upkeep.refuse(QUEUE, REFUSED, 2)) == 1
    assert {ledger.state(job.id) for job in kept} == {"queued"}
    assert {ledger.state(job.id) for job in heard} == {"failed"}
    assert records.queue(QUEUE).depth == 5
    assert upkeep.audit() == []
