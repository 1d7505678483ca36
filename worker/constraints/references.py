"""Rules that refer to each other: which of them can come to an end, and how deep they lead.

The library descends along references by recursion, and has no bound of its own: a chain of 1,000
rules overflows the stack of a thread with 2 MiB, of 3,000 that of the process, and either ends
the process.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence

MOST_LEVELS = 500

References = Mapping[str, Sequence[str]]


def settled(references: References, holds: Callable[[str, set[str]], bool]) -> set[str]:
    """The names for which ``holds``, given those found before; what only a circle supports is out.

    ``references`` has, for every name, those on which it may depend.
    """
    users = defaultdict(list)
    for name, mentioned in references.items():
        for each in mentioned:
            users[each].append(name)
    found: set[str] = set()
    # Last first: what a schema consists of stands after it.
    waiting = deque(reversed(list(references)))
    while waiting:
        name = waiting.popleft()
        if name not in found and holds(name, found):
            found.add(name)
            waiting.extend(users[name])
    return found


def depth(references: References, levels: Mapping[str, int]) -> int:
    """Most levels on any way along the references that visits no name twice, or more.

    Names that refer to each other in a circle are taken together: some way may visit them all.
    """
    below: dict[str, int] = {}
    deepest = 0
    for circle in _circles(references):
        members = set(circle)
        outside = (
            below[each] for name in circle for each in references[name] if each not in members
        )
        total = sum(levels[name] for name in circle) + max(outside, default=0)
        below.update(dict.fromkeys(circle, total))
        deepest = max(deepest, total)
    return deepest


def _circles(references: References) -> list[list[str]]:
    """Groups of names that refer to each other, each after those that it refers to (Tarjan's)."""
    search = _Search(references)
    for name in references:
        if name not in search.number:
            search.run(name)
    return search.circles


class _Search:
    """Depth first, on a stack of its own: what is searched may be as deep as its author likes."""

    def __init__(self, references: References) -> None:
        self._references = references
        self.number: dict[str, int] = {}
        self._lowest: dict[str, int] = {}
        self._open: list[str] = []
        self._is_open: set[str] = set()
        self.circles: list[list[str]] = []

    def run(self, start: str) -> None:
        way = [(self._enter(start), iter(self._references[start]))]
        while way:
            name, rest = way[-1]
            following = next(rest, None)
            if following is None:
                way.pop()
                self._leave(name)
                if way:
                    self._lower(way[-1][0], self._lowest[name])
            elif following not in self.number:
                way.append((self._enter(following), iter(self._references[following])))
            elif following in self._is_open:
                self._lower(name, self.number[following])

    def _enter(self, name: str) -> str:
        self.number[name] = self._lowest[name] = len(self.number)
        self._open.append(name)
        self._is_open.add(name)
        return name

    def _lower(self, name: str, number: int) -> None:
        self._lowest[name] = min(self._lowest[name], number)

    def _leave(self, name: str) -> None:
        if self._lowest[name] < self.number[name]:
            return
        at = self._open.index(name)
        circle = self._open[at:]
        del self._open[at:]
        self._is_open.difference_update(circle)
        self.circles.append(circle)
