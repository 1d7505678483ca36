"""Which page of a list is asked for."""

from __future__ import annotations

import pytest

from app.openai.errors import BadRequest
from app.openai.paging import limit_of, newest_first_of


@pytest.mark.parametrize(("given", "limit"), [(None, 20), ("1", 1), ("100", 100)])
def test_a_limit_is_the_client_s_or_the_default(given: str | None, limit: int) -> None:
    """Both ends of the range are in it."""
    assert limit_of(given, default=20, most=100) == limit


@pytest.mark.parametrize("given", ["0", "101", "-1", "1.5", "", "x", "9" * 5000])
def test_any_other_limit_is_refused(given: str) -> None:
    """The refusal names the field and the range, and shows little of what was sent."""
    with pytest.raises(BadRequest, match="from 1 to 100") as refusal:
        limit_of(given, default=20, most=100)
    assert refusal.value.param == "limit"
    assert len(refusal.value.message) < 200


@pytest.mark.parametrize(("given", "newest"), [(None, True), ("desc", True), ("asc", False)])
def test_lists_begin_with_the_newest(given: str | None, newest: bool) -> None:
    """Unless the client asks for the oldest."""
    assert newest_first_of(given) is newest


def test_another_order_is_refused() -> None:
    """There are two."""
    with pytest.raises(BadRequest) as refusal:
        newest_first_of("random")
    assert refusal.value.param == "order"
