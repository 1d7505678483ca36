"""The line: inputs that wait for computing, and which of them are computed together. No threads.

1. A batch has a leader: in turn the request that came first, and the one that was served least.
   So a large request moves on whatever else comes, and a small one that comes later has to wait
   for no more batches of it than there are small ones before it.
2. The leader's longest input sets the batch's length. Inputs of that length, or little shorter
   (what is padded is computed for nothing), are dealt out one per request, in the order in which
   the requests came, then again, until the batch is full.
3. A line that is not ``shared`` serves one request after the other, the one that came first, and
   others only fill its batches: what is of like length is together, and padded for little.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# An input joins a batch when it is shorter than the leader's by at most this many tokens, or by
# this part of its length: the padding then costs less than a batch of its own.
SLACK_TOKENS = 4
SLACK_PART = 8


@dataclass(frozen=True, slots=True)
class Place:
    """Input number ``index`` of a request."""

    request: str
    index: int


@dataclass(slots=True)
class _Request:
    """What is left of one request: (length, index), ascending, and how many inputs it was dealt."""

    left: list[tuple[int, int]]
    dealt: int = 0

    def pop(self, shortest: int, longest: int) -> int | None:
        """Take out the longest input within the bounds; its index."""
        at = bisect_right(self.left, longest, key=lambda entry: entry[0]) - 1
        if at < 0 or self.left[at][0] < shortest:
            return None
        self.dealt += 1
        return self.left.pop(at)[1]


class Line:
    """Requests in the order of their arrival, each with its inputs that were not taken yet."""

    def __init__(self, *, shared: bool = True) -> None:
        self._shared = shared
        self._requests: dict[str, _Request] = {}
        self._turn_of_first = False

    def __len__(self) -> int:
        """How many inputs wait."""
        return sum(len(request.left) for request in self._requests.values())

    def add(self, name: str, lengths: Sequence[int]) -> None:
        """A request joins with inputs of these lengths in tokens."""
        left = sorted((length, index) for index, length in enumerate(lengths))
        if left:
            self._requests[name] = _Request(left)

    def drop(self, name: str) -> None:
        """A request leaves; what was taken of it is its caller's to forget."""
        self._requests.pop(name, None)

    def take(self, rows: int, tokens: int) -> list[Place]:
        """The next batch: at most ``rows`` inputs, and padded to at most ``tokens`` tokens.

        A single input may be longer than ``tokens``. Empty only when nothing waits.
        """
        if not self._requests:
            return []
        leader = self._leader()
        longest = self._requests[leader].left[-1][0]
        shortest = longest - max(SLACK_TOKENS, longest // SLACK_PART)
        most = max(min(rows, tokens // max(longest, 1)), 1)
        batch: list[Place] = []
        for place in self._deal(leader, shortest, longest):
            batch.append(place)
            if len(batch) == most:
                break
        self._requests = {name: each for name, each in self._requests.items() if each.left}
        return batch

    def _leader(self) -> str:
        self._turn_of_first = not self._turn_of_first
        if self._turn_of_first or not self._shared:
            return next(iter(self._requests))
        return min(self._requests, key=lambda name: self._requests[name].dealt)

    def _deal(self, leader: str, shortest: int, longest: int) -> Iterator[Place]:
        """The inputs that fit, the leader's first: in turns of all requests, or of one each."""
        players = [leader, *(name for name in self._requests if name != leader)]
        for turn in [players] if self._shared else [[name] for name in players]:
            yield from self._deal_among(turn, shortest, longest)

    def _deal_among(self, players: list[str], shortest: int, longest: int) -> Iterator[Place]:
        """One input of each request in turn, while any has one that fits."""
        while players:
            still: list[str] = []
            for name in players:
                index = self._requests[name].pop(shortest, longest)
                if index is not None:
                    still.append(name)
                    yield Place(name, index)
            players = still
