"""Room: what a node's models hold of its memory and its GPUs' memory, and what is left of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.placement.view import View
from tasks.fleet import Assignment, Child, NodeReport, Seat

HOST = "memory"

Bytes = Mapping[str, int]
"""Bytes by where they lie: ``memory`` for the host's, ``cuda:<index>`` for a GPU's."""


def needed(seat: Seat | Child) -> Bytes:
    """What the seat would take, or the child holds."""
    if not seat.gpu_bytes:
        return {HOST: seat.host_bytes}
    index = seat.device.partition(":")[2] or "0"
    return {HOST: seat.host_bytes, f"cuda:{index}": seat.gpu_bytes}


def budget(report: NodeReport) -> Bytes:
    """What a node's models may hold together."""
    gpus = {f"cuda:{index}": free for index, free in report.gpu_budgets.items()}
    return {HOST: report.budget_bytes, **gpus}


def fits(need: Bytes, room: Bytes) -> bool:
    """Whether there is room for all of it."""
    return all(size <= room.get(place, 0) for place, size in need.items() if size)


def total(parts: Iterable[Bytes]) -> Bytes:
    """All of them together."""
    found: dict[str, int] = {}
    for part in parts:
        for place, size in part.items():
            found[place] = found.get(place, 0) + size
    return found


def less(room: Bytes, *parts: Bytes) -> Bytes:
    """What is left of the room; less than nothing where they take more than there is."""
    taken = total(parts)
    return {place: size - taken.get(place, 0) for place, size in room.items()}


def largest(one: Bytes, other: Bytes) -> Bytes:
    """The larger of both, place by place."""
    places = {**one, **other}
    return {place: max(one.get(place, 0), other.get(place, 0)) for place in places}


def held(view: View, node: str, name: str, assignment: Assignment | None) -> Bytes:
    """What a model takes on a live node: what its child holds, and no less than it was promised.

    A child holds its memory until it is gone, whatever was ordered.
    """
    child = view.report(node).children.get(name)
    holds: Bytes = needed(child) if child else {}
    if assignment is None or (child and assignment.order != "serve"):
        return holds
    seat = view.seat(node, name, assignment.device)
    return largest(holds, needed(seat)) if seat else holds


def is_known(view: View, node: str, name: str, assignment: Assignment) -> bool:
    """Whether it can be told what the model takes there."""
    has_child = name in view.report(node).children
    return has_child or view.seat(node, name, assignment.device) is not None


def size(count: int) -> str:
    """So many bytes, for people."""
    if count >= 2**30:
        return f"{count / 2**30:.1f} GiB"
    return f"{count / 2**20:.0f} MiB"
