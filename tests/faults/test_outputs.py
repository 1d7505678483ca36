"""What came back of a batch is counted line by line: every kind of breach is seen."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from faults.audit import Counts
from faults.outputs import Returned, apart, count_lines, count_totals, vector

ASKED = ["a", "b", "c"]
BATCH = {
    "request_counts": {"total": 3, "completed": 3, "failed": 0},
    "usage": {"input_tokens": 12},
}


def line(custom_id: str, status: int = 200) -> bytes:
    """An answer to one embedding."""
    body = {"data": [{"embedding": [0.5, 0.25]}], "usage": {"prompt_tokens": 4}}
    response = {"status_code": status, "request_id": "job", "body": body}
    return json.dumps({"custom_id": custom_id, "response": response, "error": None}).encode()


def returned(*output: bytes, errors: tuple[bytes, ...] = ()) -> Returned:
    """What was read of both files."""
    found = Returned()
    found.read(output, frozenset("b"), errors=False)
    found.read(errors, frozenset("b"), errors=True)
    return found


def breaches(found: Returned, **changed: Any) -> dict[str, int]:
    """The counts that are not 0."""
    counts = Counts()
    count_lines(counts, found, ASKED)
    count_totals(counts, {**BATCH, **changed}, found, len(ASKED))
    names = ("lost", "doubled_ends", "doubled_runs", "stuck", "broken")
    return {name: getattr(counts, name) for name in names if getattr(counts, name)}


def test_every_line_once_is_no_breach() -> None:
    """In whatever order."""
    assert breaches(returned(line("c"), line("a"), line("b"))) == {}


def test_a_line_that_did_not_come_back_is_lost() -> None:
    """And the batch's own counts are wrong then."""
    assert breaches(returned(line("a"), line("b"))) == {"lost": 1, "broken": 2}


def test_a_line_in_both_files_is_doubled() -> None:
    """Though each of them has it once."""
    found = returned(line("a"), line("b"), line("c"), errors=(line("c", 500),))
    assert breaches(found)["doubled_ends"] == 1


def test_a_line_twice_in_the_output_is_doubled_even_when_the_sum_is_right() -> None:
    """Counting lines alone would not see it."""
    assert breaches(returned(line("a"), line("a"), line("b"))) == {"lost": 1, "doubled_ends": 1}


def test_a_line_that_nobody_asked_for_is_broken() -> None:
    """It belongs to another batch."""
    found = returned(line("a"), line("b"), line("c"), line("d"))
    assert breaches(found, request_counts={"total": 3, "completed": 4, "failed": 0}) == {
        "broken": 2
    }


def test_a_good_line_that_failed_is_broken() -> None:
    """Whatever was killed: the lines are right."""
    found = returned(line("a"), line("b"), errors=(line("c", 500),))
    stated = {"total": 3, "completed": 2, "failed": 1}
    assert breaches(found, request_counts=stated) == {"broken": 1}


def test_tokens_that_were_counted_twice_are_broken() -> None:
    """As a piece that was committed twice would count them."""
    found = returned(line("a"), line("b"), line("c"))
    assert breaches(found, usage={"input_tokens": 16}) == {"broken": 1}


def test_only_wanted_answers_are_kept() -> None:
    """A file has hundreds of megabytes."""
    assert list(returned(line("a"), line("b")).answers) == ["b"]


@pytest.mark.parametrize("told", [[0.5, -0.25], base64.b64encode(struct.pack("<2f", 0.5, -0.25))])
def test_vectors_are_read_in_both_forms(told: list[float] | bytes) -> None:
    """As numbers, and as the bytes of float32."""
    written = told.decode() if isinstance(told, bytes) else told
    assert vector({"data": [{"embedding": written}]}) == (0.5, -0.25)


def test_vectors_of_different_lengths_are_infinitely_apart() -> None:
    """One that begins like the other is not close to it."""
    assert apart((1.0, 0.0), (1.0, 0.5)) == pytest.approx(0.5)
    assert apart((1.0, 0.0), (1.0,)) == float("inf")
