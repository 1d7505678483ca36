"""The check of a whole input file."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest

from app.batches.checking import Checked, Checker
from app.batches.record import MOST_ERRORS, Endpoint, Line, LineError
from tests.app.batches.lines_by_hand import CATALOG, CHAT, EMBED, order_for, raw_line


def checker_of(endpoint: Endpoint = CHAT, **limits: Any) -> Checker:
    """A checker of a batch of this endpoint."""
    given: dict[str, Any] = {"max_lines": 1_000, "max_inputs": 1_000} | limits
    return Checker(order_for(endpoint), CATALOG, **given)


def check(raws: Iterable[bytes], checker: Checker | None = None) -> Checked:
    """What a file of these lines comes to."""
    checker = checker or checker_of()
    for number, raw in enumerate(raws, 1):
        checker.add(Line(number, 0, len(raw)), raw)
    return checker.result()


def found(checked: Checked) -> list[tuple[str, int | None, str | None]]:
    """What is wrong, where."""
    return [(error.code, error.line, error.param) for error in checked.errors]


def test_good_lines_are_counted() -> None:
    """The model is the catalog's name, not the alias on the lines."""
    raws = [raw_line("a", body={"model": "loud"}), raw_line("b")]
    assert check(raws) == Checked(2, "echo", ())


def test_a_file_without_lines_is_an_error() -> None:
    """Of the file as a whole."""
    assert found(check([])) == [("empty_file", None, None)]


def test_a_custom_id_that_comes_again_names_the_first() -> None:
    """Also where one of the two lines is wrong for another reason."""
    checked = check([raw_line("a", method="GET"), raw_line("b"), raw_line("a"), raw_line("a")])
    assert found(checked) == [
        ("invalid_method", 1, "method"),
        ("duplicate_custom_id", 3, "custom_id"),
        ("duplicate_custom_id", 4, "custom_id"),
    ]
    assert "line 1" in checked.errors[1].message


def test_another_model_than_the_first_lines_is_an_error() -> None:
    """A batch is of one model."""
    checked = check([raw_line("a"), raw_line("b", body={"model": "other"})])
    assert found(checked) == [("model_mismatch", 2, "body.model")]


def test_one_line_too_many_is_an_error() -> None:
    """As many as the limit are none; and nothing more is read of the file."""
    checker = checker_of(max_lines=2)
    assert check([raw_line("a"), raw_line("b")], checker).errors == ()
    assert not checker.enough
    checker.add(Line(3, 0, 1), raw_line("c"))
    assert checker.enough
    checker.add(Line(4, 0, 1), b"nonsense")
    assert found(checker.result()) == [("too_many_tasks", 3, None)]


def test_inputs_to_embed_are_counted_over_all_lines() -> None:
    """The line that is one too many is named."""
    checker = checker_of(EMBED, max_inputs=4)
    many = {"input": ["x", "y"]}
    assert check([raw_line(key, EMBED, body=many) for key in "ab"], checker).errors == ()
    checker.add(Line(3, 0, 1), raw_line("c", EMBED))
    assert found(checker.result()) == [("too_many_inputs", 3, "body.input")]
    assert checker.enough


def test_a_hundred_errors_are_enough() -> None:
    """A file of another format has one on each line."""
    checker = checker_of()
    checked = check([b"date,text"] * 200, checker)
    assert len(checked.errors) == MOST_ERRORS
    assert checker.enough


def test_what_reading_refuses_is_one_of_the_errors() -> None:
    """A line that is too long ends the file."""
    checker = checker_of()
    checker.refuse(LineError("line_too_long", "It is.", 1))
    assert found(checker.result()) == [("line_too_long", 1, None)]


@pytest.mark.parametrize("endpoint", [CHAT, EMBED])
def test_what_is_kept_of_a_line_is_small(endpoint: Endpoint) -> None:
    """However long it and its custom id are: under 400 bytes each."""
    checker = checker_of(endpoint, max_lines=10_000, max_inputs=10_000)
    long = "x" * 480
    tracemalloc.start()
    check((raw_line(f"{long}{number}", endpoint) for number in range(2_000)), checker)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 2_000 * 400
