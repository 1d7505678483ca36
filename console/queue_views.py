"""Views of the queues: a snapshot to a table with what is wrong below it, or to JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from console.outage import Outage, headline
from console.screen import plain_table
from console.snapshot import Queue, Snapshot
from console.wording import clean, one_line, span
from tasks.jobs import Priority

_NUMBERS = ("waiting", "resuming", "running", "tickets", "oldest", "jobs/s")
_LEGEND = f"waiting: {'/'.join(priority.name.lower() for priority in Priority)}"
_WORKER_STYLES = {"ready": "green", "failed": "red", "gone": "red"}


def queues_view(snapshot: Snapshot, outage: Outage | None = None) -> Group:
    """The table, and a line for each thing that somebody should look at."""
    keeper = clean(snapshot.keeper or "none")
    lines = headline(snapshot.now_s, outage, f"keeper: {keeper}, {_LEGEND}")
    return Group(*lines, queues_table(snapshot), *(Text(line, "red") for line in faults(snapshot)))


def queues_table(snapshot: Snapshot) -> Table:
    """A line per queue."""
    table = plain_table("queue", *_NUMBERS, "workers", names=("queue", "workers"), numbers=_NUMBERS)
    for queue in snapshot.queues:
        depths = queue.depths
        table.add_row(
            clean(depths.queue),
            "/".join(str(depths.waiting[priority]) for priority in Priority),
            str(depths.resuming),
            f"{depths.running}/{queue.slots}",
            str(depths.tickets),
            span(depths.oldest_s),
            f"{depths.ended_per_s:.1f}",
            _workers(queue),
        )
    return table


def faults(snapshot: Snapshot) -> Iterator[str]:
    """What is wrong, a line each: failed workers with their reasons, and missing parts."""
    for queue in snapshot.queues:
        name = clean(queue.depths.queue)
        # One that is started again and again has left several reports.
        for reason in dict.fromkeys(w.reason for w in queue.workers if w.state == "failed"):
            yield f"{name}: failed: {one_line(reason or 'no reason given')}"
        if queue.depths.depth and not any(worker.state == "ready" for worker in queue.workers):
            yield f"{name}: jobs wait, and no worker is ready"
    if snapshot.keeper is None:
        yield "No keeper reports: jobs of dead workers and lost tickets are not made good."
    if not snapshot.queues:
        yield "There are no queues: nothing took a job yet."


def snapshot_json(snapshot: Snapshot) -> bytes:
    """The snapshot as one JSON object; times in seconds, as their names say."""
    queues = [
        msgspec.to_builtins(queue.depths)
        | {
            "waiting": {
                priority.name.lower(): queue.depths.waiting[priority] for priority in Priority
            },
            "slots": queue.slots,
            "workers": msgspec.to_builtins(queue.workers),
        }
        for queue in snapshot.queues
    ]
    return msgspec.json.encode(
        {"now_s": snapshot.now_s, "keeper": snapshot.keeper, "queues": queues}
    )


def _workers(queue: Queue) -> Text:
    states = Counter(worker.state for worker in queue.workers)
    if not states:
        return Text("none", "red" if queue.depths.depth else "")
    parts = (
        Text(f"{number} {state}", _WORKER_STYLES.get(state, "")) for state, number in states.items()
    )
    return Text(", ").join(parts)
