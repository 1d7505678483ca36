"""What a client that stayed connected must have heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.audit import Counts
from faults.book import Book
from faults.heard import require_whole
from faults.stream import Stream

CHUNK = 'data: {"choices": [{"index": 0, "delta": {"content": "%s"}}]}'


def breaches(folder: Path, *blocks: str) -> list[str]:
    """What is found wrong with a stream of these blocks that should have said "ab"."""
    book = Book(folder / "ids")
    stream = Stream(book)
    book.close()
    for block in blocks:
        for line in [*block.splitlines(), ""]:
            stream.reader.line(line)
    counts = Counts()
    require_whole(counts, stream, "ab")
    return counts.notes


A, B = f"id: 1\n{CHUNK % 'a'}", f"id: 2\n{CHUNK % 'b'}"
END = "data: [DONE]"


def test_a_whole_stream_has_no_breach(tmp_path: Path) -> None:
    """The text, in order, and its end."""
    assert breaches(tmp_path, A, B, END) == []


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ((A, B), "the stream ended"),
        ((A, END), "the text"),
        ((A, f"id: 3\n{CHUNK % 'b'}", END), "a gap"),
        ((A, B, f"id: 2\n{CHUNK % ''}", END), "a gap"),
        ((A, B, 'data: {"error": {"code": "x"}}', END), "the stream ended"),
    ],
)
def test_each_damage_is_seen(tmp_path: Path, blocks: tuple[str, ...], said: str) -> None:
    """No end, a missing piece, a gap, a repeat, an error: each is one breach."""
    [note] = breaches(tmp_path, *blocks)
    assert said in note
