"""Where in a JSON body a fault lies. Runs only for bodies that are refused.

The decoder says at which byte it stumbled, a client's author wants to know at which field. A
small scanner walks the body up to the fault and keeps the path; it looks at the first ``REACH``
bytes only, so that a large hostile body costs milliseconds and merely loses the field's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

REACH = 131_072
"""Bytes that are walked to name a field; 50 ms if all of them are structure."""

_SHOWN_PARTS = 8
_SHOWN_KEY = 64

# A string may lack its closing quote: the fault is then inside it.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{},]', re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)

Path = list[str | int | None]


def path_at(body: bytes, position: int) -> str | None:
    """The field that byte ``position`` belongs to; None at the top level or out of reach."""
    if position >= REACH:
        return None
    for start, path in _walk(body):
        if start > position:
            return _render(path)
    return None


def path_below(body: bytes, depth: int) -> str | None:
    """The field in which the first container lies that is nested deeper than ``depth``."""
    for _start, path in _walk(body):
        if len(path) > depth:
            # x[0][0][0]... says nothing beyond x.
            return re.sub(r"(\[0\])+$", "", _render(path) or "") or None
    return None


def lone_surrogate(body: bytes) -> int | None:
    """The position of the first escaped UTF-16 surrogate without its other half, if any."""
    high_at: int | None = None
    high_end = 0
    for match in _ESCAPE.finditer(body, 0, REACH):
        unit = int(match[1], 16) if match[1] else 0
        follows = high_at is not None and match.start() == high_end
        if high_at is not None and not (follows and 0xDC00 <= unit <= 0xDFFF):
            return high_at
        if high_at is None and 0xDC00 <= unit <= 0xDFFF:
            return match.start()
        high_at = match.start() if 0xD800 <= unit <= 0xDBFF else None
        high_end = match.end()
    return high_at if len(body) <= REACH else None


def _walk(body: bytes) -> Iterator[tuple[int, Path]]:
    """Each token's start, with the path before it (one list, changed in place); then the end.

    An object's step is its current key, None before the first; an array's is the index.
    """
    path: Path = []
    for match in _TOKEN.finditer(body, 0, REACH):
        yield match.start(), path
        token = match[0]
        match token[:1]:
            case b"{":
                path.append(None)
            case b"[":
                path.append(0)
            case b"]" | b"}":
                if path:
                    path.pop()
            case b",":
                if path:
                    step = path[-1]
                    path[-1] = step + 1 if isinstance(step, int) else None
            case _:
                if path and path[-1] is None:
                    path[-1] = token.strip(b'"')[:_SHOWN_KEY].decode("utf-8", "replace")
    yield REACH, path


def _render(path: Path) -> str | None:
    shown = ""
    for step in path[:_SHOWN_PARTS]:
        if step is None:
            break
        if isinstance(step, int):
            shown += f"[{step}]"
        else:
            shown += f".{step}" if shown else step
    return shown or None
