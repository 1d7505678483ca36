"""Asking for a model to be loaded or unloaded, and what came of it.

What is asked for is kept in Redis and outlives the command: the keeper's placer and the nodes do
the rest.
"""

from __future__ import annotations

import typer

from console.fleet.fleet_rows import host_of
from console.fleet.judging import Verdict, judge_load, judge_unload
from console.fleet.waiting import Judge, wait_for
from console.place import INTERRUPTED, REFUSED, Place, complain, fail
from tasks.connection import now_ms
from tasks.errors import TaskError
from tasks.fleet import Wish
from tasks.model import Model


class NotKept(TaskError):
    """Raised when a model's worker is not a node's to stop."""


def load(place: Place, model: Model, *, wait: bool, timeout_s: float) -> None:
    """Wish it loaded; with ``wait`` until it is ready, else the command ends with the reason."""
    wish = _wish(place, model, wanted=True)
    if wait:
        _conclude(place, model, lambda row, node: judge_load(row, wish, any_node=node), timeout_s)
    else:
        typer.echo(f"{model.name} is to be loaded.")


def unload(place: Place, model: Model, *, force: bool, wait: bool, timeout_s: float) -> None:
    """Wish it unloaded; with ``wait`` until no process of it is left. May raise ``NotKept``."""
    _check_kept(place, model)
    wish = _wish(place, model, wanted=False, force=force)
    if wait:
        _conclude(place, model, lambda row, _: judge_unload(row, wish), timeout_s)
    else:
        typer.echo(f"{model.name} is to be unloaded.")


def _check_kept(place: Place, model: Model) -> None:
    reports = place.roster.workers(model.queue).values()
    living = [report for report in reports if report.state != "failed" and not report.gone]
    if living and not any(report.fleet_node for report in living):
        where = ", ".join(f"pid {report.pid} on {host_of(report)}" for report in living)
        raise NotKept(
            f"{model.name} is served by a process that no node keeps ({where}): stop that one."
        )


def _wish(place: Place, model: Model, *, wanted: bool, force: bool = False) -> Wish:
    fleet = place.fleet
    wish = Wish(wanted=wanted, why="admin", at_ms=now_ms(fleet.redis), force=force)
    fleet.wish(model.name, wish)
    if place.roster.keeper() is None:
        complain("No keeper reports: it is done once one does. `millrace up` starts everything.")
    return wish


def _conclude(place: Place, model: Model, judge: Judge, timeout_s: float) -> None:
    verdict = _verdict(place, model, judge, timeout_s)
    if not verdict.good:
        fail(verdict.line, REFUSED)
    typer.echo(verdict.line)


def _verdict(place: Place, model: Model, judge: Judge, timeout_s: float) -> Verdict:
    try:
        return wait_for(place, model, judge, timeout_s)
    except KeyboardInterrupt:
        fail("Nobody waits any more; what was asked for stands.", INTERRUPTED)
