"""``millrace jobs cancel`` and ``millrace jobs retry``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.jobs import Priority
from tasks.ledger import Ledger
from tasks.records import Records
from tests.console.conftest import Millrace, write_catalog
from tests.console.lives import Lives


def test_waiting_jobs_are_cancelled_at_once(
    millrace: Millrace, lives: Lives, ledger: Ledger
) -> None:
    """All that are named."""
    first, second = lives.waiting().id, lives.waiting().id
    result = millrace("jobs", "cancel", first, second)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{first} cancelled\n{second} cancelled\n"
    assert ledger.state(first) == ledger.state(second) == "cancelled"


def test_a_running_job_is_asked_to_stop(millrace: Millrace, lives: Lives, records: Records) -> None:
    """Its worker ends it."""
    job_id = lives.in_state("running")
    result = millrace("jobs", "cancel", job_id)
    assert result.exit_code == 0, result.output
    assert "asked to stop" in result.stdout
    assert records.find(job_id, None).cancelling


def test_a_refusal_stops_none_of_the_others(
    millrace: Millrace, lives: Lives, ledger: Ledger
) -> None:
    """Status 1, a line for each refusal, and the rest is done."""
    done, waiting = lives.done(), lives.waiting().id
    result = millrace("jobs", "cancel", "nobody", done, waiting)
    assert result.exit_code == 1
    assert result.stdout == f"{waiting} cancelled\n"
    nobody, ended = result.stderr.splitlines()
    assert "'nobody'" in nobody
    assert ended == f"The job '{done}' is not cancelled: it ended as done."
    assert ledger.state(waiting) == "cancelled"


@pytest.mark.parametrize("state", ["failed", "cancelled", "expired", "dead"])
def test_a_job_without_an_answer_is_accepted_again(
    millrace: Millrace, lives: Lives, ledger: Ledger, records: Records, state: str
) -> None:
    """As a new job with the same request, a ticket, and no deadline."""
    old = lives.in_state(state)
    result = millrace("jobs", "retry", old)
    assert result.exit_code == 0, result.output
    new = result.stdout.strip()
    assert new != old
    record = records.find(new, None)
    assert (record.state, record.attempt, record.strikes) == ("queued", 0, 0)
    before, after = records.job(old), records.job(new)
    assert after.messages == before.messages  # type: ignore[union-attr]
    assert after.deadline_at is None
    tickets = [json.loads(each) for each in ledger.redis.lrange(lives.queue, 0, -1)]
    assert f"['{new}']" in [ticket["headers"]["argsrepr"] for ticket in tickets]
    assert ledger.state(old) != "queued"


def test_a_job_again_waits_behind_those_that_somebody_follows(
    millrace: Millrace, lives: Lives, records: Records
) -> None:
    """In the background, for its owner and its webhook; batch stays batch."""
    url = "https://example.org/hook"
    first = lives.waiting(owner="ann", webhook_url=url).id
    second = lives.waiting(priority=Priority.BATCH).id
    millrace("jobs", "cancel", first, second)
    one, two = millrace("jobs", "retry", first, second).stdout.split()
    record = records.find(one, None)
    assert (record.priority, record.owner) == (Priority.BACKGROUND, "ann")
    assert (record.webhook_url, record.listen_s) == (url, 0)
    assert records.find(two, None).priority is Priority.BATCH


@pytest.mark.parametrize("state", ["queued", "running", "done"])
def test_a_job_that_has_or_may_get_its_answer_is_refused(
    millrace: Millrace, lives: Lives, ledger: Ledger, state: str
) -> None:
    """Status 1, the reason, and no new job."""
    job_id = lives.in_state(state)
    result = millrace("jobs", "retry", job_id)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"is {state} and not accepted again: " in result.stderr
    assert ledger.redis.zcard(ledger.keys.index("local")) == 1


def test_a_full_queue_refuses_a_job_again(
    millrace: Millrace, lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does any job."""
    job_id = lives.cancelled()
    lives.waiting()
    monkeypatch.setenv("MILLRACE_MAX_WAITING", "1")
    result = millrace("jobs", "retry", job_id)
    assert result.exit_code == 1
    assert "jobs waiting" in result.stderr


def test_a_job_of_a_model_that_is_no_more_is_refused(
    millrace: Millrace, lives: Lives, tmp_path: Path
) -> None:
    """It would wait for ever."""
    write_catalog(tmp_path, "another")
    result = millrace("jobs", "retry", lives.cancelled())
    assert result.exit_code == 1
    assert f"The model '{lives.model}' does not exist" in result.stderr


def test_without_a_catalog_nothing_is_accepted_again(
    millrace: Millrace, lives: Lives, tmp_path: Path
) -> None:
    """Status 2, and the variable that says where it is."""
    (tmp_path / "models.toml").unlink()
    result = millrace("jobs", "retry", lives.cancelled())
    assert result.exit_code == 2
    assert "MILLRACE_MODELS_FILE" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_change_of_no_job_is_bad_usage(millrace: Millrace) -> None:
    """Status 2."""
    for command in ("cancel", "retry", "show"):
        assert millrace("jobs", command).exit_code == 2


def test_a_job_again_is_new_every_time(millrace: Millrace, lives: Lives, ledger: Ledger) -> None:
    """Two commands make two jobs."""
    old = lives.cancelled()
    one, two = (millrace("jobs", "retry", old).stdout.strip() for _ in range(2))
    assert len({old, one, two}) == 3
