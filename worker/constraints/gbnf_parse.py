"""Reads GBNF, llama.cpp's notation for grammars, in the dialect of its own parser.

It is read here, and not with the translator that comes with llguidance: that one mistakes ``&&``
and ``--`` in a class of characters for operators, lets ``.`` stop at line ends, and drops zeros
from the escapes of code points.
"""

from __future__ import annotations

import re
from typing import NoReturn

from worker.constraints.gbnf_tree import ANY, Chars, Choice, Node, Ref, Repeat, Seq

MOST_REPEATS = 2000
MOST_DEPTH = 50
_NAME = re.compile(r"[A-Za-z0-9-]+")
_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_SPACE_AND_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_COUNT = re.compile(r"\{[ \t]*([0-9]{1,9})[ \t]*(?:(,)[ \t]*([0-9]{1,9})?[ \t]*)?\}")
_HEX = {"x": 2, "u": 4, "U": 8}
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}


class Malformed(Exception):
    """Raised with a sentence that names the line where the grammar cannot be read."""


def parse(text: str) -> dict[str, Node]:
    """The rules by name, in their order; raises ``Malformed``."""
    return _Parser(text).rules()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def rules(self) -> dict[str, Node]:
        found: dict[str, Node] = {}
        self._skip(lines=True)
        while self._at < len(self._text):
            name = self._name()
            if name in found:
                self._fail(f"the rule {name!r} is defined twice")
            self._skip(lines=False)
            self._expect("::=")
            self._skip(lines=True)
            found[name] = self._choice(nested=False)
            if self._at < len(self._text) and self._text[self._at] not in "\r\n":
                self._fail(f"{self._text[self._at]!r} is not expected here")
            self._skip(lines=True)
        return found

    def _choice(self, *, nested: bool) -> Node:
        options = [self._sequence(nested=nested)]
        while self._next("|"):
            self._skip(lines=True)
            options.append(self._sequence(nested=nested))
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self, *, nested: bool) -> Node:
        parts: list[Node] = []
        while (item := self._item()) is not None:
            self._skip(lines=nested)
            while (counts := self._counts()) is not None:
                item = Repeat(item, *counts)
                self._skip(lines=nested)
            parts.append(item)
        return parts[0] if len(parts) == 1 else Seq(tuple(parts))

    def _item(self) -> Node | None:
        match self._text[self._at : self._at + 1]:
            case '"':
                return self._literal()
            case "[":
                return self._class()
            case "(":
                return self._group()
            case ".":
                self._at += 1
                return ANY
            case "<" | "!":
                self._fail("tokens such as <think> are not supported: write the text in quotes")
            case start if start and _NAME.match(start):
                return Ref(self._name())
        return None

    def _group(self) -> Node:
        self._at += 1
        self._depth += 1
        if self._depth > MOST_DEPTH:
            self._fail(f"parentheses are nested more than {MOST_DEPTH} deep")
        self._skip(lines=True)
        inside = self._choice(nested=True)
        self._expect(")")
        self._depth -= 1
        return inside

    def _literal(self) -> Node:
        self._at += 1
        parts: list[Node] = []
        while not self._next('"'):
            code = self._char()
            parts.append(Chars(((code, code),)))
        return Seq(tuple(parts))

    def _class(self) -> Node:
        self._at += 1
        negated = self._next("^")
        ranges: list[tuple[int, int]] = []
        while not self._next("]"):
            low = high = self._char()
            if self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 :][:1] != "]":
                self._at += 1
                high = self._char()
            if high < low:
                self._fail("a range of characters runs backwards")
            ranges.append((low, high))
        if not ranges:
            self._fail("a class of characters is empty")
        return Chars(tuple(ranges), negated)

    def _char(self) -> int:
        char = self._text[self._at : self._at + 1]
        if not char:
            self._fail("the grammar ends inside quotes or brackets")
        self._at += 1
        code = self._escape() if char == "\\" else ord(char)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            self._fail(f"{code:#x} is no character")
        return code

    def _escape(self) -> int:
        kind = self._text[self._at : self._at + 1]
        self._at += 1
        if kind in _HEX:
            digits = self._text[self._at : self._at + _HEX[kind]]
            self._at += _HEX[kind]
            if not re.fullmatch(r"[0-9A-Fa-f]+", digits) or len(digits) != _HEX[kind]:
                self._fail(f"\\{kind} wants {_HEX[kind]} hexadecimal digits")
            return int(digits, 16)
        if kind not in _ESCAPES:
            self._fail(f"\\{kind} is no escape")
        return ord(_ESCAPES[kind])

    def _counts(self) -> tuple[int, int | None] | None:
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        start = self._text[self._at : self._at + 1]
        if start in simple:
            self._at += 1
            return simple[start]
        if start != "{":
            return None
        found = _COUNT.match(self._text, self._at)
        if found is None:
            self._fail("a repetition is written {2}, {2,} or {2,5}")
        self._at = found.end()
        least = int(found[1])
        most = (int(found[3]) if found[3] else None) if found[2] else least
        if max(least, most or 0) > MOST_REPEATS:
            self._fail(f"a repetition counts to {MOST_REPEATS} at most")
        if most is not None and most < least:
            self._fail("a repetition has its smaller count first")
        return least, most

    def _name(self) -> str:
        found = _NAME.match(self._text, self._at)
        if found is None:
            self._fail("a rule's name is made of letters, digits and dashes")
        self._at = found.end()
        return found[0]

    def _next(self, wanted: str) -> bool:
        if not self._text.startswith(wanted, self._at):
            return False
        self._at += len(wanted)
        return True

    def _expect(self, wanted: str) -> None:
        if not self._next(wanted):
            self._fail(f"{wanted!r} is expected here")

    def _skip(self, *, lines: bool) -> None:
        found = (_SPACE_AND_LINES if lines else _SPACE).match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _fail(self, reason: str) -> NoReturn:
        line = self._text.count("\n", 0, self._at) + 1
        raise Malformed(f"line {line}: {reason}")
