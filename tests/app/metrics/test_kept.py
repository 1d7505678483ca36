"""What a keeper counts, as the reconciler tells it."""

from __future__ import annotations

from app.metrics.kept import KeeperMetrics, model_of


def value(metrics: KeeperMetrics, name: str, **labels: str) -> float | None:
    """A sample; None where there is none."""
    return metrics.registry.get_sample_value(f"millrace_{name}", labels)


def test_a_death_is_a_strike_and_the_last_one_a_dead_letter_too() -> None:
    """A job that was being cancelled is charged with nothing."""
    metrics = KeeperMetrics()
    for became in ("queued", "queued", "failed", "cancelled", "gone"):
        metrics.orphan("chat.m", became)
    assert value(metrics, "job_strikes_total", model="m") == 3
    assert value(metrics, "dead_letters_total", model="m") == 1


def test_what_is_known_begins_at_nothing() -> None:
    """A first dead letter is a rise from 0, which an alert can see."""
    metrics = KeeperMetrics()
    assert value(metrics, "dead_letters_total", model="m") is None
    metrics.known("chat.m")
    assert value(metrics, "dead_letters_total", model="m") == 0
    assert value(metrics, "job_strikes_total", model="m") == 0
    assert value(metrics, "webhook_tries_total", outcome="failed") == 0


def test_a_model_is_what_stands_behind_the_kind() -> None:
    """Its name may have dots and colons of its own."""
    assert model_of("chat.hf:some/model.v2:Q4") == "hf:some/model.v2:Q4"
