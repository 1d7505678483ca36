"""Reading the lines of an input file."""

from __future__ import annotations

import time
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.batches import lines
from app.batches.lines import BadLine, lines_of
from app.batches.record import Line


def read(
    data: bytes, *, start: int = 0, number: int = 1, most_bytes: int = 1_000
) -> list[tuple[Line, bytes]]:
    """All lines of a file of these bytes."""
    return list(lines_of(BytesIO(data), start=start, number=number, most_bytes=most_bytes))


def test_a_line_knows_its_number_and_its_bytes() -> None:
    """Also the last one, which has no end."""
    assert read(b"one\nthree") == [(Line(1, 0, 3), b"one"), (Line(2, 4, 5), b"three")]


def test_blank_lines_are_counted_and_left_out() -> None:
    """An editor numbers them too."""
    assert read(b"\n \t\none\n\n\n") == [(Line(3, 4, 3), b"one")]


def test_ends_of_dos_are_no_part_of_a_line() -> None:
    """Nor are lines blank that would be without them."""
    found = read(b"one\r\n\r\ntwo\r\n")
    assert found == [(Line(1, 0, 3), b"one"), (Line(3, 7, 3), b"two")]


def test_a_byte_order_mark_is_skipped() -> None:
    """At the start of the file alone."""
    mark = b"\xef\xbb\xbf"
    found = read(mark + b"one\n" + mark + b"two")
    assert found == [(Line(1, 3, 3), b"one"), (Line(2, 7, 6), mark + b"two")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_reading_goes_on_behind_the_last_line_that_was_read(end: bytes) -> None:
    """Its end may be read or not."""
    data = end.join([b"one", b"", b"three", b"four"]) + end
    all_lines = read(data)
    for number, (line, _) in enumerate(all_lines):
        behind = line.offset + line.length
        for start in (behind, behind + len(end)):
            rest = read(data, start=start, number=line.number + 1)
            assert rest == all_lines[number + 1 :]


@given(data=st.lists(st.sampled_from([b"a", b"bc", b" ", b"\n", b"\r\n", b"\n\n"])).map(b"".join))
def test_pieces_of_any_size_make_the_same_lines(data: bytes) -> None:
    """A line that lies across two reads of the file is whole."""
    whole = read(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "CHUNK_BYTES", 1)
        assert read(data) == whole
    assert all(data[line.offset : line.offset + line.length] == raw for line, raw in whole)


def test_a_line_may_be_as_long_as_the_limit() -> None:
    """Its end and the byte order mark do not count."""
    found = read(b"\xef\xbb\xbf" + b"x" * 10 + b"\r\n", most_bytes=10)
    assert found == [(Line(1, 3, 10), b"x" * 10)]


def test_a_line_beyond_the_limit_is_the_last() -> None:
    """The lines before it have been read; the error names it."""
    found = lines_of(BytesIO(b"one\n" + b"x" * 11 + b"\ntwo\n"), most_bytes=10)
    assert next(found)[1] == b"one"
    with pytest.raises(BadLine) as caught:
        next(found)
    assert (caught.value.error.code, caught.value.error.line) == ("line_too_long", 2)
    assert next(found, None) is None


def test_a_line_without_end_is_not_read_whole() -> None:
    """A file of hundreds of megabytes in one line costs no more memory than the limit."""
    file = BytesIO(b"x" * 10_000_000)
    with pytest.raises(BadLine):
        next(lines_of(file, most_bytes=1_000))
    assert file.tell() == lines.CHUNK_BYTES


def test_blank_lines_cost_next_to_nothing() -> None:
    """All batches wait while a file is read on: 200 MB of line ends took half a minute."""
    blank = 4 * 1024 * 1024
    began_s = time.process_time()
    found = read(b"\n" * blank + b"one\n" + b" \n" * blank + b"two")
    assert [line.number for line, _ in found] == [blank + 1, 2 * blank + 2]
    assert time.process_time() - began_s < 0.5
