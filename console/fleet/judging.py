"""Whether what was asked for a model has come, or will not come: told from how it stands.

What the fleet says may be of a moment before the wish: reports and plans are up to seconds old.
A bad sign that may be old has to stay for a while before it is believed.
"""

from __future__ import annotations

from dataclasses import dataclass

from console.fleet.fleet_rows import ModelRow
from console.wording import one_line
from tasks.fleet import Wish

# A node reports every second, a placer decides every quarter, a catalog is read every second.
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it ended. One that may be ``stale`` counts when it stays for ``SETTLE_S``."""

    good: bool
    line: str
    stale: bool = False


def judge_load(row: ModelRow, wish: Wish, *, any_node: bool) -> Verdict | None:
    """What came of the wish to load; None while it is under way."""
    name, status = row.model.name, row.status
    if row.wish is not None and row.wish.at_ms > wish.at_ms and not row.wish.wanted:
        return Verdict(False, f"{name} was unloaded meanwhile ({row.wish.why}).")
    match status.state:
        case "ready" if _serves_now(row):
            where = ", ".join(row.where) or "its worker"
            return Verdict(True, f"{name} is ready on {where} ({', '.join(row.devices)}).")
        case "failed" if status.since_ms >= wish.at_ms or not _tried_again(row):
            stale = status.since_ms < wish.at_ms
            return Verdict(False, f"{name} failed: {_why(row)}", stale)
        case "unplaceable":
            return Verdict(False, f"{name} is unplaceable: {_why(row)}", stale=True)
        case "missing" | "waiting" | "loading" if not (any_node or row.living):
            return Verdict(
                False,
                f"{name} is not loaded: no node is alive. `millrace node` starts one, which will"
                " load it.",
                stale=True,
            )
    return None


def judge_unload(row: ModelRow, wish: Wish) -> Verdict | None:
    """What came of the wish to unload; None while it is under way."""
    name = row.model.name
    # The same moment is possible: a job that was given back asks with the time of the order.
    if row.wish is not None and row.wish.at_ms >= wish.at_ms and row.wish.wanted:
        return Verdict(False, f"{name} was asked for again meanwhile ({row.wish.why}).")
    if not row.living and not row.children:
        return Verdict(True, f"{name} is unloaded.")
    return None


def _serves_now(row: ModelRow) -> bool:
    """Whether a worker is ready that has the definition of now.

    One that no node keeps has its own: nobody starts it anew for another.
    """
    ready = [report for report in row.living if report.state == "ready"]
    now = ("", row.model.fingerprint)
    return any(not report.fleet_node or report.fingerprint in now for report in ready)


def _tried_again(row: ModelRow) -> bool:
    """Whether a node starts anew what failed before the wish."""
    return bool(row.children) or any(report.fleet_node for report in row.reports)


def _why(row: ModelRow) -> str:
    return one_line(row.status.reason or "no reason given")
