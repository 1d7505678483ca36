"""Event-stream bytes."""

from __future__ import annotations

from app import sse


def test_an_event_is_an_id_and_one_line_of_data() -> None:
    """As clients parse it."""
    assert sse.event(7, b'{"a":1}') == b'id: 7\ndata: {"a":1}\n\n'


def test_a_comment_is_one_line() -> None:
    """A line break in it would end the comment."""
    assert sse.comment("job\n1") == b": job 1\n\n"
