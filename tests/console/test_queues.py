"""``millrace queues``, once."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from console.outage import Outage
from console.queue_views import queues_view
from console.snapshot import Queue, Snapshot, Worker
from tasks import hosts
from tasks.jobs import Priority
from tasks.ledger import Ledger
from tasks.records import QueueDepths
from tasks.roster import Report, Roster
from tests.console.conftest import Millrace, write_catalog
from tests.console.lives import SECRET, Lives


@pytest.fixture
def roster(ledger: Ledger) -> Roster:
    """Where workers and keepers report."""
    return Roster(ledger.redis, ledger.settings)


def reports(roster: Roster, lives: Lives, *states: str, **fields: int | str) -> None:
    """A worker of four slots in each of the states."""
    expires_ms = int((lives.records.now_s() + 60) * 1000)
    given = {"pid": 1, "slots": 4, "context": 512, "expires_ms": expires_ms, **fields}
    for number, state in enumerate(states):
        report = Report(node="n", state=state, **given)  # type: ignore[arg-type]
        roster.report(lives.queue, f"{state}-{number}", report)


def gone() -> dict[str, int | str]:
    """A process that ended on this machine: no pid is as large."""
    return {"pid": 2**22 + 1, "host": hosts.this_host(), "born": 1}


def row(output: str, queue: str) -> list[str]:
    """The cells of a queue's line."""
    found = re.search(rf"^{queue} .*$", output, re.MULTILINE)
    return re.split(r" {2,}", found[0].strip()) if found else []


def test_a_queue_tells_what_waits_and_runs(
    millrace: Millrace, lives: Lives, ledger: Ledger, roster: Roster
) -> None:
    """By priority, continuations apart; slots of ready workers only; and the keeper."""
    interrupted = lives.waiting()
    ledger.release(lives.claimed(), lives.queue)
    lives.waiting(priority=Priority.BATCH)
    lives.claimed()  # the one that was interrupted
    ledger.release(lives.claimed("worker-2"), lives.queue)
    for priority in (0, 0, 0, 1, 1):
        lives.waiting(priority=Priority(priority))
    ledger.redis.lpush(lives.queue, "ticket", "ticket")
    reports(roster, lives, "ready", "ready", "loading")
    roster.report_keeper("keeper@host#7", 60)
    result = millrace("queues")
    assert result.exit_code == 0, result.output
    assert ledger.state(interrupted.id) == "running"
    queue, *numbers, oldest, pace, workers = row(result.stdout, lives.queue)
    assert queue == lives.queue
    assert numbers == ["3/2/0", "1", "1/8", "2"]
    assert re.fullmatch(r"0\.\d s", oldest)
    assert pace == "0.0"
    assert workers == "1 loading, 2 ready"
    assert "keeper: keeper@host#7" in result.stdout
    assert SECRET not in result.output


def test_the_pace_is_of_jobs_that_ended(millrace: Millrace, lives: Lives) -> None:
    """A dash where nothing waits."""
    lives.done()
    *_, oldest, pace, workers = row(millrace("queues").stdout, lives.queue)
    assert (oldest, workers) == ("-", "none")
    assert float(pace) > 0


def test_a_model_that_does_not_load_says_why(
    millrace: Millrace, lives: Lives, roster: Roster
) -> None:
    """In one line, although its process has ended and it never had a job."""
    reports(roster, lives, "failed", "failed", reason="no such\nfile [x]\x1b[2J", **gone())
    result = millrace("queues")
    assert row(result.stdout, lives.queue)[-1] == "2 failed"
    assert result.stdout.count(f"{lives.queue}: failed: no such file [x]\\x1b[2J\n") == 1


def test_a_worker_whose_process_ended_is_gone(
    millrace: Millrace, lives: Lives, roster: Roster
) -> None:
    """Whatever its last report says; its slots do not count."""
    reports(roster, lives, "ready", **gone())
    cells = row(millrace("queues").stdout, lives.queue)
    assert cells[-1] == "1 gone"
    assert cells[3] == "0/0"


def test_what_is_missing_is_told(millrace: Millrace, lives: Lives) -> None:
    """A keeper, and workers where jobs wait."""
    lives.waiting()
    output = millrace("queues").stdout
    assert "No keeper reports" in output
    assert f"{lives.queue}: jobs wait, and no worker is ready" in output


def test_without_a_catalog_the_queues_that_took_jobs_are_shown(
    millrace: Millrace, lives: Lives, tmp_path: Path
) -> None:
    """And stderr says what is not."""
    lives.waiting()
    (tmp_path / "models.toml").unlink()
    result = millrace("queues")
    assert result.exit_code == 0
    assert row(result.stdout, lives.queue)
    assert "MILLRACE_MODELS_FILE" in result.stderr


def test_a_place_without_queues_says_so(millrace: Millrace, tmp_path: Path) -> None:
    """Instead of an empty table."""
    write_catalog(tmp_path)
    assert "There are no queues" in millrace("queues").stdout


def test_queues_are_one_json_object(millrace: Millrace, lives: Lives, roster: Roster) -> None:
    """With every worker."""
    lives.waiting(priority=Priority.BACKGROUND)
    reports(roster, lives, "ready", "failed", reason="why")
    document = json.loads(millrace("queues", "--json").stdout)
    assert document["keeper"] is None
    [queue] = document["queues"]
    assert queue["queue"] == lives.queue
    assert queue["waiting"] == {"interactive": 0, "background": 1, "batch": 0}
    assert queue["slots"] == 4
    states = [(worker["state"], worker["reason"]) for worker in queue["workers"]]
    assert states == [("failed", "why"), ("ready", "why")]


def drawn(snapshot: Snapshot, outage: Outage | None, width: int) -> str:
    """What a terminal of that width shows."""
    console = Console(file=io.StringIO(), width=width, record=True, force_terminal=True)
    console.print(queues_view(snapshot, outage))
    return console.export_text()


def test_a_terminal_of_eighty_columns_shows_every_figure() -> None:
    """Names fold; figures do not."""
    depths = QueueDepths("chat.smollm2-135m", 11, (123, 456, 789), 16, 1379, 240.0, 12.5)
    worker = Worker("n", 1, "ready", 16, "")
    text = drawn(Snapshot(0.0, "k", (Queue(depths, (worker,)),)), None, 80)
    assert max(map(len, text.splitlines())) <= 80
    for figure in ("11", "123/456/789", "16/16", "1379", "4 min", "12.5", "1 ready"):
        assert figure in text


def test_an_outage_stands_above_the_last_figures() -> None:
    """With the time that they are of."""
    text = drawn(Snapshot(3_723.0, "k", ()), Outage(12.0, "refused"), 100)
    assert "No answer from Redis for 12 s; figures of 01:02:03 UTC" in text
    assert "refused" in text
