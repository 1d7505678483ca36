"""What a worker says of itself: states, idleness, and since when, on Redis's clock."""

from __future__ import annotations

import os

import psutil

from tasks.model import Model
from tasks.roster import Report
from worker.standing import Standing

MODEL = Model(name="m", kind="chat", source="echo:", slots=3, context=64)
TTL_MS = 6_000


def standing() -> Standing:
    """Of a worker under a node."""
    return Standing(MODEL, "chat.m@box", "box")


def told(of: Standing, now_ms: int, busy: int = 0, worked: bool = False) -> Report:
    """The report of that moment."""
    return of.report(now_ms, busy, worked, TTL_MS)


def test_a_report_names_the_worker_its_model_and_its_node() -> None:
    """Who, where, on what, and which definition it serves; its memory is its process's."""
    report = told(standing(), 1_000)
    assert (report.node, report.fleet_node, report.device) == ("chat.m@box", "box", "cpu")
    assert (report.slots, report.fingerprint, report.pid) == (3, MODEL.fingerprint, os.getpid())
    rss = psutil.Process().memory_info().rss
    assert rss / 2 < report.memory_bytes < rss * 2


def test_a_state_lasts_since_the_first_report_of_it() -> None:
    """Later reports of the same state do not move it."""
    worker = standing()
    assert [told(worker, at).since_ms for at in (1_000, 2_000)] == [1_000, 1_000]
    worker.become("ready")
    assert [told(worker, at).since_ms for at in (3_000, 4_000)] == [3_000, 3_000]


def test_a_model_that_was_never_used_is_idle_since_it_was_ready() -> None:
    """Not since its process began: loading is no idleness."""
    worker = standing()
    told(worker, 1_000)
    worker.become("ready")
    assert [told(worker, at).idle_ms for at in (5_000, 9_000)] == [5_000, 5_000]


def test_idleness_begins_anew_after_every_job() -> None:
    """While one is held there is none, and one that came and went between two reports counts."""
    worker = standing()
    worker.become("ready")
    assert told(worker, 1_000).idle_ms == 1_000
    busy = told(worker, 2_000, busy=2, worked=True)
    assert (busy.busy, busy.idle_ms) == (2, 0)
    assert told(worker, 3_000).idle_ms == 3_000
    assert told(worker, 4_000, worked=True).idle_ms == 4_000
    assert told(worker, 5_000).idle_ms == 4_000


def test_going_to_drain_does_not_end_idleness() -> None:
    """Only a job does."""
    worker = standing()
    worker.become("ready")
    told(worker, 1_000)
    worker.become("draining")
    assert told(worker, 2_000).idle_ms == 1_000


def test_turning_busy_or_idle_is_news_and_another_job_is_not() -> None:
    """What a placer must know soon; a third job beside two others can wait."""
    worker = standing()
    assert worker.has_news(0, False)
    told(worker, 1_000)
    assert not worker.has_news(0, False)
    assert worker.has_news(1, True)
    told(worker, 2_000, busy=1, worked=True)
    assert not worker.has_news(3, True)
    assert worker.has_news(0, False)
    told(worker, 3_000)
    assert worker.has_news(0, True)


def test_progress_is_news_in_steps() -> None:
    """A thousand calls of a loader are at most fifty reports."""
    worker = standing()
    reports = 0
    for call in range(1_001):
        worker.progress = call / 1_000
        if worker.has_news(0, False):
            reports += 1
            told(worker, 1_000 + call)
    assert 40 < reports <= 52


def test_a_ready_model_is_loaded_whole() -> None:
    """Also one whose loader tells nothing."""
    worker = standing()
    worker.progress = 0.4
    assert told(worker, 1_000).progress == 0.4
    worker.become("ready")
    assert told(worker, 1_000).progress == 1.0


def test_a_failure_is_told_for_longer_than_the_pause_before_the_next_try() -> None:
    """Its report speaks for a process that has ended."""
    worker = standing()
    assert told(worker, 1_000).expires_ms == 1_000 + TTL_MS
    worker.become("failed", "no such file")
    report = told(worker, 1_000)
    assert (report.reason, report.expires_ms) == ("no such file", 16_000)
