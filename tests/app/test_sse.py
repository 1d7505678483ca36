"""Event-stream bytes."""

from __future__ import annotations

from openai._streaming import SSEDecoder

from app import sse


def test_an_event_is_an_id_and_one_line_of_data() -> None:
    """As clients parse it."""
    assert sse.event(7, b'{"a":1}') == b'id: 7\ndata: {"a":1}\n\n'


def test_a_comment_is_one_line() -> None:
    """A line break in it would end the comment."""
    assert sse.comment("job\n1") == b": job 1\n"


def test_a_comment_between_events_is_nothing_to_the_official_client() -> None:
    """It remembers the last id, and took an empty line behind a comment for an empty event."""
    stream = [sse.comment("job 1"), sse.event(1, b'"a"'), sse.PING, sse.event(2, b'"b"')]
    assert [event.data for event in SSEDecoder().iter_bytes(iter(stream))] == ['"a"', '"b"']
