"""What is made of a batch's run: shown by several rows, and refused when lines are missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import batches
from benchmarks.batch_client import Followed, require_completed, require_each_once
from benchmarks.batches import Shown
from benchmarks.figures import Sample
from benchmarks.server import Server

SERVER = Server(os.getpid(), "127.0.0.1", 1, "/v1", {})


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody watches the machine here."""
    monkeypatch.setattr(batches, "WATCHED_S", 0.0)


def numbered() -> Shown[int]:
    """Runs that find their own number."""
    numbers: Iterator[int] = iter(range(10))
    return Shown(lambda _: next(numbers))


def found(number: int) -> Sample:
    """The number as a figure."""
    return {"run": number}


def test_rows_of_one_round_show_one_run() -> None:
    """And those of the next another."""
    shown = numbered()
    one, two = shown.row("one", found), shown.row("two", found)
    assert [one(SERVER), two(SERVER)] == [{"run": 0}, {"run": 0}]
    assert [one(SERVER), two(SERVER)] == [{"run": 1}, {"run": 1}]


def test_a_row_that_is_measured_again_has_a_run_of_its_own() -> None:
    """Because the machine was disturbed: the same figures would be no new ones."""
    shown = numbered()
    one, two = shown.row("one", found), shown.row("two", found)
    assert [one(SERVER), one(SERVER), two(SERVER)] == [{"run": 0}, {"run": 1}, {"run": 1}]


def output(path: Path, *ids: str) -> Path:
    """An output file."""
    path.write_text(
        "".join(f'{{"custom_id":"{each}","response":{{"body":{{}}}}}}\n' for each in ids)
    )
    return path


def test_an_output_with_a_line_twice_or_none_is_refused(tmp_path: Path) -> None:
    """A speed of lines that are not there would be none."""
    require_each_once(output(tmp_path / "good", "a", "b"), 2)
    for name, ids in {"twice": ("a", "a"), "less": ("a",), "more": ("a", "b", "c")}.items():
        with pytest.raises(RuntimeError, match="instead of 2"):
            require_each_once(output(tmp_path / name, *ids), 2)


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "expired"},
        {"request_counts": {"total": 2, "completed": 1, "failed": 1}},
        {"error_file_id": "file-1"},
    ],
)
def test_a_batch_that_did_not_do_all_well_is_refused(changed: dict[str, Any]) -> None:
    """Its time is not that of its lines."""
    counts = {"total": 2, "completed": 2, "failed": 0}
    batch = {"status": "completed", "request_counts": counts, "error_file_id": None}
    require_completed(batch, 2)
    with pytest.raises(RuntimeError, match="not completed"):
        require_completed({**batch, **changed}, 2)


def test_the_whole_counts_upload_and_download() -> None:
    """The other figure only what is between: from in progress to completed."""
    followed = Followed(100, 0.0, 10.0, 20.0, 50.0, 0)
    assert (followed.lines_per_s, followed.whole_per_s) == (10.0, 2.0)
