"""Models that do not load where they were put: what their workers and nodes say of it."""

from __future__ import annotations

from app.placement.picture import Failure
from app.placement.prospects import Prospect
from app.placement.view import View
from tasks.model import Model
from tasks.roster import Report

# A child that died so often since its model was last ready will hardly do better next time.
DEATHS = 2
# A model that did not load takes no other's place for so long: it would only fail again.
REST_MS = 60_000

NO_REASON = "its worker gives no reason"


def broken(view: View, prospects: dict[str, Prospect]) -> dict[str, str]:
    """The models that nobody can load, and why."""
    found = {name: _why_broken(view, model, prospects[name]) for name, model in view.models.items()}
    return {name: reason for name, reason in found.items() if reason is not None}


def failures(view: View, broken_now: dict[str, str]) -> dict[str, Failure]:
    """The models that are broken, or were a while ago and had no better luck since."""
    now = {
        name: Failure(view.now_ms, reason, view.fingerprint(name))
        for name, reason in broken_now.items()
    }
    before = view.memory.failures.items()
    return {name: failure for name, failure in before if _still_counts(view, name, failure)} | now


def _still_counts(view: View, name: str, failure: Failure) -> bool:
    wish = view.facts.wishes.get(name)
    asked_since = wish is not None and wish.why == "admin" and wish.at_ms > failure.at_ms
    return (
        name in view.models
        and view.fingerprint(name) == failure.fingerprint
        and view.now_ms - failure.at_ms < REST_MS
        and not asked_since
        and not any(report.state == "ready" for report in view.reports(name))
    )


def _why_broken(view: View, model: Model, prospect: Prospect) -> str | None:
    reports = view.reports(model.name)
    if any(report.state in ("ready", "loading") for report in reports):
        return None
    nodes = [
        node
        for node, given in view.facts.assignments.items()
        if model.name in given and given[model.name].order == "serve" and view.counts(node)
    ]
    if not nodes:
        # Workers that no node keeps have failed: a node may do better, if one can take it.
        alone = [each for each in view.reports(model.name, "") if each.state == "failed"]
        return _told(alone) if alone and prospect.outcome != "somewhere" else None
    reasons = [_why_broken_there(view, model, node) for node in nodes]
    return None if None in reasons else reasons[0]


def _why_broken_there(view: View, model: Model, node: str) -> str | None:
    """What the node or the worker there said; None while nothing is settled."""
    if node not in view.nodes:
        return None
    child = view.report(node).children.get(model.name)
    is_paused = child is not None and child.state == "paused"
    wish = view.facts.wishes.get(model.name)
    asked_ms = wish.at_ms if wish else 0
    # The report of a process that ended stays for seconds: it says nothing of a later attempt.
    failed = [
        report
        for report in view.reports(model.name, node)
        if report.state == "failed"
        and report.fingerprint in ("", view.fingerprint(model.name))
        and (is_paused or report.since_ms >= asked_ms)
    ]
    if failed:
        return _told(failed)
    if child is None or not is_paused or not child.reason:
        return None
    deaths = child.restarts - view.memory.restarts.get((node, model.name), child.restarts)
    is_current = child.fingerprint == view.fingerprint(model.name)
    return child.reason if is_current and deaths >= DEATHS else None


def _told(failed: list[Report]) -> str:
    latest = max(failed, key=lambda report: report.since_ms)
    return latest.reason or NO_REASON
