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
    assert (answer.status, answer.count("completion_tokens")) == (200, 128)


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


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_text_arrives_once_however_it_is_cut(size: int) -> None:
    """A piece that lies across two reads is not found in both."""
    text = STREAM.replace(b'data: {"content":"a"}', b'"content":"a","content":"b"')
    answer = fed(text, size)
    assert len(answer.arrivals_s) == (1 if size == 1000 else 2)


def test_text_of_one_read_is_one_arrival() -> None:
    """Its reader waited once."""
    answer = Answer(0.0)
    answer.feed(b'"content":"a" "content":"b"', 1.0)
    answer.feed(b'"content":"c"', 2.0)
    assert (answer.arrivals_s, answer.pieces) == ([1.0, 2.0], 3)


def test_a_complete_answer_survives_the_end_of_its_connection() -> None:
    """One that is cut does not."""
    whole, cut = fed(WHOLE, 1000), Answer(0.0)
    cut.feed(WHOLE[:-1], 1.0)
    assert whole.close(9.0)
    assert whole.ended_s == 1
    assert not cut.close(9.0)


def test_an_answer_of_no_stated_length_ends_with_its_connection() -> None:
    """Neither length nor chunks: HTTP/1.1 leaves nothing else."""
    answer = Answer(0.0)
    answer.feed(b"HTTP/1.1 200 OK\r\n\r\n{}", 1.0)
    assert answer.ended_s is None
    assert answer.close(2.0)
    assert answer.ended_s == 2


def test_a_count_is_the_last_that_the_answer_states_by_its_whole_name() -> None:
    """Not one whose name only begins alike."""
    answer = Answer(0.0)
    answer.feed(b'{"draft_n":1}{"draft_n": 24,"draft_n_accepted":20}', 1.0)
    assert (answer.count("draft_n"), answer.count("draft_n_accepted")) == (24, 20)
    assert answer.count("completion_tokens") == 0
