"""How many jobs of batches a model is given at once, and which batch is next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.batches.window import Standing, keep_after_s, rooms, width, window
from tasks.jobs import ChatJob, CompletionJob, EmbedJob
from tasks.roster import Report


def report(slots: int, state: str = "ready") -> Report:
    """A worker."""
    return Report(
        node="w",
        state=state,  # type: ignore[arg-type]
        pid=1,
        slots=slots,
        context=64,
        expires_ms=1,
    )


@pytest.mark.parametrize(
    ("slots", "most"), [((8,), 6), ((1,), 1), ((2,), 1), ((8, 4), 9), ((1, 1), 1), ((), 1)]
)
def test_interactive_requests_find_free_slots(slots: tuple[int, ...], most: int) -> None:
    """A quarter of each worker's slots, one at least, is never a batch's; one job always may."""
    assert window("chat", map(report, slots)) == most


def test_a_worker_that_loads_is_none_yet() -> None:
    """One waiting job is enough to have a model loaded."""
    assert window("chat", [report(8, "loading")]) == 1
    assert window("embed", []) == 1


def test_an_embedding_worker_has_a_few_jobs_ahead() -> None:
    """It never waits for the driver."""
    assert window("embed", [report(8), report(8)]) == 8


def test_who_has_the_fewest_is_next() -> None:
    """A batch that came later catches up, and none is starved."""
    standings = [Standing("old", 5, 100), Standing("new", 0, 100)]
    assert rooms(7, standings) == {"old": 0, "new": 2}
    assert rooms(14, standings) == {"old": 2, "new": 7}


def test_equals_take_turns() -> None:
    """Whoever was served longest ago is next."""
    standings = [Standing("a", 0, 9, served_at=2), Standing("b", 0, 9, served_at=1)]
    assert rooms(1, standings) == {"a": 0, "b": 1}
    assert rooms(1, [replace(standings[0], served_at=0), standings[1]]) == {"a": 1, "b": 0}


def test_what_one_does_not_need_another_has() -> None:
    """A batch at its end leaves its share to the others."""
    assert rooms(10, [Standing("a", 0, 1), Standing("b", 0, 100)]) == {"a": 1, "b": 9}


def test_a_full_window_has_no_room() -> None:
    """Nor one that has become smaller."""
    assert rooms(3, [Standing("a", 5, 9)]) == {"a": 0}


def test_every_choice_takes_a_slot() -> None:
    """Jobs are as wide as they have choices."""
    assert width(ChatJob(id="1", model="m", messages=(), n=3)) == 3
    assert width(CompletionJob(id="1", model="m", texts=("a", "b"), n=2)) == 4
    assert width(EmbedJob(id="1", model="m", texts=("a", "b"))) == 1


@pytest.mark.parametrize(("age_s", "after_s"), [(0, 2), (100, 2), (500, 10), (1e6, 60)])
def test_results_are_kept_more_rarely_with_age(age_s: float, after_s: float) -> None:
    """Every two seconds at first, every minute in the end."""
    assert keep_after_s(age_s) == after_s
