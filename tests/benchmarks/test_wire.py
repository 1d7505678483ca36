"""A response knows its first text and its end, however it is cut into reads."""

from __future__ import annotations

import pytest

from benchmarks.wire import Answer, request

WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n{"usage":{"completion_tokens":128}}'
STREAM = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'14\r\ndata: {"content":""}\r\n15\r\ndata: {"content":"a"}\r\n0\r\n\r\n'
)


def fed(response: bytes, size: int) -> Answer:
    """The response in reads of ``size`` bytes, the first at 1 s, the second at 2 s ..."""
    answer = Answer(0.0)
    for number, start in enumerate(range(0, len(response), size), start=1):
        assert answer.ended_s is None
        answer.feed(response[start : start + size], float(number))
    return answer


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_whole_answer_ends_with_its_length(size: int) -> None:
    """Status and tokens are read from it."""
    answer = fed(WHOLE, size)
    assert answer.ended_s == -(-len(WHOLE) // size)
    assert (answer.status, answer.tokens) == (200, 128)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_stream_ends_with_its_last_chunk(size: int) -> None:
    """Also when that comes in pieces."""
    assert fed(STREAM, size).ended_s == -(-len(STREAM) // size)


def test_first_text_is_not_the_empty_one() -> None:
    """An assistant's role comes before any text, with empty content."""
    text_at = STREAM.index(b'"content":"a') + len(b'"content":"a')
    assert fed(STREAM, 1).first_s == text_at


def test_request_states_its_length_in_bytes() -> None:
    """Not in characters."""
    assert b"Content-Length: 2\r\n\r\n" in request("/", "é".encode())
