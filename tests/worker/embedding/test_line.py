"""Which inputs are computed together, and whose turn it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.embedding.line import SLACK_PART, SLACK_TOKENS, Line, Place

Lengths = list[int]
lengths = st.lists(st.integers(1, 512), min_size=1, max_size=40)
requests = st.lists(lengths, min_size=1, max_size=8)
bounds = st.tuples(st.integers(1, 40), st.integers(1, 1024))


def line_of(all_lengths: list[Lengths]) -> Line:
    """A line of requests "0", "1", ... that came in this order."""
    line = Line()
    for number, each in enumerate(all_lengths):
        line.add(str(number), each)
    return line


def taken(line: Line, rows: int, tokens: int) -> list[list[Place]]:
    """All batches until nothing waits."""
    batches = []
    while batch := line.take(rows, tokens):
        batches.append(batch)
    return batches


@given(requests, bounds)
def test_every_input_is_taken_once(all_lengths: list[Lengths], bound: tuple[int, int]) -> None:
    """None is lost and none comes twice, whatever the bounds."""
    places = [place for batch in taken(line_of(all_lengths), *bound) for place in batch]
    expected = {(str(n), i) for n, each in enumerate(all_lengths) for i in range(len(each))}
    assert len(places) == len(expected)
    assert {(place.request, place.index) for place in places} == expected


@given(requests, bounds)
def test_a_batch_keeps_its_bounds(all_lengths: list[Lengths], bound: tuple[int, int]) -> None:
    """So many rows, so many tokens with the padding, and little padding; or one long input."""
    rows, tokens = bound
    for batch in taken(line_of(all_lengths), rows, tokens):
        sizes = [all_lengths[int(place.request)][place.index] for place in batch]
        longest = max(sizes)
        assert len(batch) <= rows
        assert len(batch) == 1 or longest * len(batch) <= tokens
        assert min(sizes) >= longest - max(SLACK_TOKENS, longest // SLACK_PART)


@given(lengths, st.integers(0, 7), lengths, bounds)
def test_nobody_is_overtaken_for_ever(
    mine: Lengths, before: int, newcomer: Lengths, bound: tuple[int, int]
) -> None:
    """With a newcomer after every batch, a request is over after two batches per input before it.

    Counted are its own inputs and those of the requests that came earlier.
    """
    line = line_of([newcomer] * before)
    line.add("mine", mine)
    most = 2 * (before * len(newcomer) + len(mine))
    missing = len(mine)
    for number in range(most):
        missing -= sum(place.request == "mine" for place in line.take(*bound))
        line.add(f"new-{number}", newcomer)
    assert missing == 0


@given(st.integers(1, 512), st.integers(0, 6), st.integers(1, 512))
def test_a_large_request_does_not_hold_up_a_small_one(length: int, others: int, own: int) -> None:
    """A text that comes after a thousand waits for two batches, and two for each before it."""
    line = line_of([[length] * 1000])
    line.take(16, 512)
    for number in range(others):
        line.add(f"other-{number}", [own])
    line.add("mine", [own])
    batches = [line.take(16, 512) for _ in range(2 * others + 2)]
    assert Place("mine", 0) in [place for batch in batches for place in batch]


def test_small_requests_share_a_batch() -> None:
    """Thirty requests of one text each are two batches of sixteen, not thirty."""
    line = line_of([[28]] * 30)
    assert [len(batch) for batch in taken(line, 16, 512)] == [16, 14]


def test_a_batch_is_dealt_in_turn() -> None:
    """A large request that waits with small ones leaves room for all of them."""
    line = line_of([[28] * 100, [28], [28]])
    first = line.take(4, 512)
    assert sorted(place.request for place in first) == ["0", "0", "1", "2"]


def test_a_dropped_request_is_not_taken() -> None:
    """Its neighbours are."""
    line = line_of([[5, 5], [5]])
    line.drop("0")
    assert taken(line, 16, 512) == [[Place("1", 0)]]
    assert len(line) == 0


def test_a_line_that_is_not_shared_keeps_requests_together() -> None:
    """The first one's inputs go in batches of their own lengths, and others fill the last."""
    line = Line(shared=False)
    line.add("first", [9, 5, 9, 5, 9, 5])
    line.add("second", [8] * 10)
    batches = [line.take(3, 512) for _ in range(3)]
    assert [[place.request for place in batch] for batch in batches] == [
        ["first"] * 3,
        ["first"] * 3,
        ["second"] * 3,
    ]
    line.add("third", [8])
    assert len(line.take(8, 512)) == 8
