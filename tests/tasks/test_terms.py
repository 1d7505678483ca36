"""What is agreed about a job beyond its work."""

from __future__ import annotations

import pytest

from tasks.settings import QueueSettings
from tasks.terms import LONGEST_RETRY_AFTER_S, Repeat, Terms, retry_after_s

SETTINGS = QueueSettings(listener_lease_s=30, job_ttl_s=3600, answered_ttl_s=600, max_waiting=7)


def test_a_job_that_is_answered_at_once_is_kept_for_a_shorter_time() -> None:
    """Nobody is expected to fetch it later."""
    assert Terms.listened(SETTINGS) == Terms(30, 600, 7)


@pytest.mark.parametrize("changes", [{"resume_s": 60.0}, {"webhook_url": "https://a.example/"}])
def test_a_job_that_is_fetched_later_is_kept_for_longer(changes: dict[str, object]) -> None:
    """Its client said that it may come back, or is told of the end."""
    assert Terms.listened(SETTINGS, **changes).keep_s == 3600  # type: ignore[arg-type]


def test_a_client_that_may_come_back_is_waited_for() -> None:
    """The lease is never shorter than the time it asked for, nor than everybody's."""
    assert Terms.listened(SETTINGS, resume_s=300).listen_s == 300
    assert Terms.listened(SETTINGS, resume_s=5).listen_s == 30


def test_background_jobs_need_no_listener() -> None:
    """They live until they end."""
    assert Terms.background(SETTINGS, max_waiting=3) == Terms(0, 3600, 3)


@pytest.mark.parametrize(
    ("per_s", "wait_s"), [(0, 10), (100, 1), (10, 10), (0.5, LONGEST_RETRY_AFTER_S)]
)
def test_a_full_queue_says_when_a_tenth_is_done(per_s: float, wait_s: int) -> None:
    """Of 1,000 places; a model that ended nothing of late gets a guess."""
    assert retry_after_s(1000, per_s) == wait_s


def test_parts_of_a_request_cannot_be_shifted_into_each_other() -> None:
    """The fingerprint tells ("ab", "c") from ("a", "bc")."""
    assert Repeat.of("k", b"ab", b"c") != Repeat.of("k", b"a", b"bc")
    assert Repeat.of("k", b"ab", b"c") == Repeat.of("k", b"ab", b"c")
