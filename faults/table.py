"""Trials as rows of text, and rows as Markdown. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from faults.audit import COUNTED
from faults.results import Entry
from faults.row import Row

HEADER = (
    *("row", "what is done", "trials", "accepted", "lost", "doubled ends", "doubled runs"),
    *("stuck", "broken", "recovery p50/p95", "verdict"),
)
PASS, FAIL, MISSING = "pass", "FAIL", "not played"
SEEN, UNSEEN = "fails, as it must", "FAIL: the check saw nothing"


def line(row: Row, entries: Sequence[Entry], count: int) -> list[str]:
    """A row's cells."""
    trials = [entry.trial for entry in entries]
    sums = [str(sum(getattr(trial, name) for trial in trials)) for name in COUNTED]
    times = [trial.recovery_s for trial in trials if trial.recovery_s is not None]
    return [
        row.name,
        row.title,
        f"{len(trials)} of {count}" if len(trials) < count else str(len(trials)),
        *sums,
        recovery(times),
        verdict(row, entries, count),
    ]


def verdict(row: Row, entries: Sequence[Entry], count: int) -> str:
    """What the row's trials come to. A control passes when at least one of its trials failed."""
    if not entries:
        return MISSING
    failed = sum(entry.trial.failed for entry in entries)
    if row.expected_to_fail:
        return f"{SEEN} ({failed} of {len(entries)})" if failed else UNSEEN
    if failed:
        return f"{FAIL} ({failed} of {len(entries)})"
    return PASS if len(entries) >= count else f"{PASS} so far"


def accepted(text: str) -> bool:
    """Whether a verdict lets the suite pass."""
    return text == PASS or text.startswith(SEEN)


def recovery(times: Sequence[float]) -> str:
    """``0.9/1.4 s``; a dash where nothing of the kind was measured."""
    if not times:
        return "-"
    return f"{percentile(times, 50):.1f}/{percentile(times, 95):.1f} s"


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(percent / 100 * len(ordered)) - 1, 0)]


def markdown(rows: Sequence[tuple[Row, Sequence[Entry]]]) -> str:
    """The table, when and on what its trials were played, and what each row does."""
    lines = [line(row, entries, row.full) for row, entries in rows]
    cells = [HEADER, ["---"] * len(HEADER), *lines]
    table = "\n".join("| " + " | ".join(each) + " |" for each in cells)
    every = [entry for _, entries in rows for entry in entries]
    points = "\n".join(details(row, entries) for row, entries in rows)
    return f"{table}\n\n{played(every)}\n\n{points}\n"


def details(row: Row, entries: Sequence[Entry]) -> str:
    """What the row does, as a point of a list, and what its trials noted beside their counts."""
    notes = [entry.trial.note for entry in entries if entry.trial.note]
    measured = f" Noted last: {notes[-1]}." if notes and not row.expected_to_fail else ""
    return f"- **{row.name}**: {row.how.replace('``', '`')}{measured}"


def played(entries: Sequence[Entry]) -> str:
    """``Played 2026-11-23 to 2026-11-24 at abc1234 on ...``."""
    days = sorted({entry.stamp.day for entry in entries})
    if not days:
        return "Nothing was played yet."
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    commits = ", ".join(dict.fromkeys(entry.stamp.commit for entry in entries))
    machines = "; ".join(dict.fromkeys(entry.stamp.machine for entry in entries))
    return f"Played {when} at {commits} on {machines}."


def replaced(page: str, text: str, mark: str = "faults") -> str:
    """``page`` with ``text`` between its marks; ``ValueError`` where there are none."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no {begin} ... {end}")
    return f"{head}{begin}\n\n{text}\n{end}{tail}"
