"""What workers told of their jobs in their logs: which attempts began, and which are over."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec


class Told(msgspec.Struct, frozen=True):
    """A line about an attempt."""

    what: Literal["job started", "job over"]
    job_id: str
    attempt: int
    fenced: bool = False


class Life(msgspec.Struct, frozen=True):
    """One life of a worker's process: what it told, in order."""

    lines: tuple[Told, ...]

    def company(self, job_id: str) -> set[str] | None:
        """Which other jobs ran when ``job_id`` began to; None when it never did in this life."""
        running: set[str] = set()
        for line in self.lines:
            if line.what == "job over":
                running.discard(line.job_id)
            elif line.job_id == job_id:
                return running
            else:
                running.add(line.job_id)
        return None


def lives(log: Path) -> list[Life]:
    """The lives of the worker that wrote ``log``; each begins with its model being loaded."""
    found: list[list[Told]] = []
    for record in records(log):
        said = str(record.get("event", ""))
        if said.startswith("model ") and " loaded in " in said:
            found.append([])
        elif said in {"job started", "job over"} and found:
            found[-1].append(
                Told(
                    said,  # type: ignore[arg-type]  # it is one of the two
                    record["job"],
                    int(record["attempt"]),
                    bool(record.get("fenced")),
                )
            )
    return [Life(tuple(lines)) for lines in found]


def about(log: Path, job_id: str) -> list[Told]:
    """What the worker told of one job, in all of its lives."""
    return [line for life in lives(log) for line in life.lines if line.job_id == job_id]


def records(log: Path) -> Iterator[dict[str, str]]:
    """The structured lines of a log; others are left out, half a line too."""
    if log.exists():
        yield from parsed(log.read_text(errors="replace").splitlines())


def parsed(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """The lines that are JSON objects."""
    for line in lines:
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                continue
