"""What is read out of a worker's log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from faults.told import about, lives


def line(event: str, job: str = "", attempt: int = 1, **more: object) -> str:
    """A structured line of a worker's log."""
    return json.dumps({"event": event, "job": job, "attempt": attempt, **more})


LOADED = line("model lane0 loaded in 0.0 s")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A worker that died twice: with two jobs in its hands, then with one."""
    lines = [
        " -------------- celery@host v5.7.0",
        LOADED,
        line("job started", "a"),
        line("job over", "a", fenced=False),
        line("job started", "b"),
        line("job started", "poison"),
        LOADED,
        line("job started", "poison", 2),
        LOADED,
        line("job started", "b", 2),
        line("job over", "b", 2, fenced=True),
        '{"event": "job st',
    ]
    path = tmp_path / "worker.log"
    path.write_text("\n".join(lines))
    return path


def test_a_life_begins_with_the_model(log: Path) -> None:
    """Three times loaded are three lives, whatever else the log has."""
    assert len(lives(log)) == 3


def test_company_is_what_was_not_over_yet(log: Path) -> None:
    """A job that ended before is no company; one that was alone had none."""
    first, second, third = (life.company("poison") for life in lives(log))
    assert first == {"b"}
    assert second == set()
    assert third is None


def test_all_lines_about_a_job_are_found(log: Path) -> None:
    """Over all lives, with what was told of fencing."""
    told = about(log, "b")
    assert [(each.what, each.attempt, each.fenced) for each in told] == [
        ("job started", 1, False),
        ("job started", 2, False),
        ("job over", 2, True),
    ]


def test_a_worker_without_a_log_told_nothing(tmp_path: Path) -> None:
    """A part that never started has no log yet."""
    assert lives(tmp_path / "none.log") == []
