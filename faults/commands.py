"""What a client sends to Redis, as commands. Pure."""

from __future__ import annotations

from collections.abc import Sequence

Command = Sequence[bytes]


def parsed(data: bytes) -> tuple[list[bytes], int] | None:
    """The first command in ``data`` and its length; None while it is not all there.

    Clients send arrays of bulk strings and nothing else.
    """
    head = _line(data, 0)
    if head is None:
        return None
    parts: list[bytes] = []
    at = head[1]
    for _ in range(int(head[0][1:])):
        size = _line(data, at)
        if size is None:
            return None
        start, length = size[1], int(size[0][1:])
        at = start + length + 2
        if len(data) < at:
            return None
        parts.append(data[start : start + length])
    return parts, at


def _line(data: bytes, start: int) -> tuple[bytes, int] | None:
    end = data.find(b"\r\n", start)
    return None if end < 0 else (data[start:end], end + 2)
