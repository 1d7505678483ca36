"""What a GBNF grammar is made of, once parsed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of ``ranges`` of code points, or with ``negated`` any other."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """Whatever the rule of this name stands for."""

    name: str


@dataclass(frozen=True, slots=True)
class Seq:
    """One after the other; nothing at all when empty."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """``least`` to ``most`` times; ``most`` None is without end."""

    part: Node
    least: int
    most: int | None


Node = Chars | Ref | Seq | Choice | Repeat

ANY = Chars(((0, 0x10FFFF),))


def refs(node: Node) -> Iterator[str]:
    """The names of all rules that ``node`` mentions."""
    match node:
        case Ref(name):
            yield name
        case Seq(parts) | Choice(parts):
            for part in parts:
                yield from refs(part)
        case Repeat(part):
            yield from refs(part)
        case Chars():
            return


def can_end(node: Node, ending: set[str]) -> bool:
    """Whether ``node`` stands for some text, if the rules in ``ending`` do."""
    match node:
        case Ref(name):
            return name in ending
        case Seq(parts):
            return all(can_end(part, ending) for part in parts)
        case Choice(options):
            return any(can_end(option, ending) for option in options)
        case Repeat(part, least):
            return least == 0 or can_end(part, ending)
        case Chars():
            return True
