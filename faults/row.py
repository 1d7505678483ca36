"""A row of the table: what is done, how often, and on which stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from faults.setup import Setup
from faults.trial import Trial
from faults.yard import Yard

Play = Callable[[Yard, Sequence[int]], Iterator[Trial]]


@dataclass(frozen=True, slots=True)
class Row:
    """``play`` yields the trials of these numbers as they end, in any order.

    ``key`` is the row's number in the table, ``variant`` tells rows of one number apart. A row that
    is ``expected_to_fail`` is a control: a protection is switched off, and the table shows that the
    check sees it. ``small`` is the count of ``make check``, ``full`` that of ``make faults``.
    """

    key: str
    title: str
    full: int
    small: int
    play: Play
    variant: str = ""
    setup: Setup = field(default_factory=Setup)
    expected_to_fail: bool = False

    @property
    def name(self) -> str:
        """Number and variant, as ``--only`` takes them."""
        return f"{self.key}-{self.variant}" if self.variant else self.key

    @property
    def how(self) -> str:
        """What is done and what counts, in a line: the docstring of ``play``."""
        function = self.play.func if isinstance(self.play, partial) else self.play
        return " ".join((function.__doc__ or self.title).split())

    @property
    def order(self) -> tuple[int, str]:
        """Rows stand in the order of their numbers, controls behind what they control."""
        return int(self.key), f"{int(self.expected_to_fail)}{self.variant}"
