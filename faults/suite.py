"""Plays rows: on one yard as long as their setup is the same, and keeps what they yield."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from itertools import groupby

import msgspec

from faults import stamp, yard
from faults.results import Results
from faults.row import Row
from faults.trial import Trial

Say = Callable[[str], None]


def play(rows: Sequence[Row], results: Results, say: Say) -> bool:
    """Play the trials that are missing; False when a row could not be played to its end.

    A row that breaks off (the stack does not start, its own code is wrong) leaves its other trials
    missing: the next run plays them.
    """
    whole = True
    missing = {row.name: results.missing(row.key, row.variant, row.full) for row in rows}
    open_rows = sorted((row for row in rows if missing[row.name]), key=lambda row: str(row.setup))
    for setup, group in groupby(open_rows, key=lambda row: row.setup):
        todo = list(group)
        say(f"yard: {setup.models} {' '.join('='.join(each) for each in setup.env)}".rstrip())
        try:
            with yard.opened(setup) as stack:
                for row in todo:
                    say(f"{row.name}: {row.title} ({len(missing[row.name])} trials)")
                    stack.mend()
                    stack.forget_tickets()
                    began = time.monotonic()
                    for trial in row.play(stack, missing[row.name]):
                        keep(results, row, trial, say)
                    say(f"  {time.monotonic() - began:.0f} s")
        except Exception:  # noqa: BLE001 - hours of other rows are not lost for it
            whole = False
            say(f"broken off:\n{traceback.format_exc()}")
    return whole


def keep(results: Results, row: Row, trial: Trial, say: Say) -> None:
    """Write a trial down as its row's, and say it."""
    named = msgspec.structs.replace(trial, row=row.key, variant=row.variant)
    results.add(named, stamp.now())
    took = "" if named.recovery_s is None else f", recovery {named.recovery_s:.2f} s"
    verdict = "FAILED" if named.failed else "ok"
    say(f"  {row.name} #{named.number}: {verdict}, {named.accepted} accepted{took} {named.note}")
