"""Redis has gone silent while somebody watches: how that is said above the last figures."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from console.wording import clock, one_line, span


@dataclass(frozen=True, slots=True)
class Outage:
    """Redis has not answered for so long; why, in a line."""

    silent_s: float
    reason: str


def headline(now_s: float, outage: Outage | None, said: str) -> list[Text]:
    """What stands above a view: the time and what is ``said`` of it, or the outage."""
    if outage is None:
        return [Text(f"{clock(now_s)}, {said}", "dim")]
    silent = f"No answer from Redis for {span(outage.silent_s)}"
    return [
        Text(f"{silent}; figures of {clock(now_s)}", "bold red"),
        Text(one_line(outage.reason), "red"),
    ]
