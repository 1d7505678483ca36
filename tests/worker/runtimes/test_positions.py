"""The ids of pictures' positions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.runtimes.positions import (
    MOST_PLACES,
    digest_of,
    key_of,
    picture_of,
    piece_key,
    place_of,
    positions,
)

PIECES = st.tuples(st.binary(max_size=8), st.integers(0, 300))


@given(PIECES, st.integers(1, MOST_PLACES))
def test_a_position_tells_where_it_belongs(piece: tuple[bytes, int], count: int) -> None:
    """Below zero, and from each the picture, the piece and the place can be read."""
    digest = digest_of(piece[0])
    ids = positions(digest, piece[1], count)
    assert max(ids) < 0
    for place in {0, count // 2, count - 1}:
        token = ids[place]
        assert picture_of(token) == digest
        assert key_of(token) == piece_key(digest, piece[1])
        assert place_of(token) == place


@given(PIECES, PIECES)
def test_positions_of_different_pieces_differ(
    one: tuple[bytes, int], other: tuple[bytes, int]
) -> None:
    """Two pieces share an id only if they are the same piece of the same picture."""
    ours = set(positions(digest_of(one[0]), one[1], 4))
    theirs = set(positions(digest_of(other[0]), other[1], 4))
    assert ours == theirs if one == other else not ours & theirs
