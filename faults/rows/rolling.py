"""Row 16: every part is restarted in turn, in order, under load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from faults.lanes import attempted
from faults.load import Load
from faults.row import Row
from faults.trial import Trial
from faults.yard import APIS, Yard

CLIENTS = 8
# Longest times from SIGTERM to the end: the workers' is a promise, an API lets streams go on for
# MILLRACE_SHUTDOWN_S (4 s) first.
WORKER_ENDS_S, API_ENDS_S = 5.0, 10.0


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """SIGTERM to every worker, the keeper, API A and API B in turn, each when the one before it is
    ready again, while 8 clients ask without a pause. They do what a load balancer does: a request
    that nobody took goes to the other API, and a stream that ends with ``server_restarting`` is
    taken up there. No status of 500 or above, no stream cut without that ending, every text whole,
    and a worker ends within 5 s."""
    for number in numbers:
        yield attempted(partial(trial, yard, number), number)


def trial(yard: Yard, number: int) -> Trial:
    """One round of restarts."""
    yard.wait_ready()
    with yard.client(f"16-{number}") as client:
        load = Load(yard, client, CLIENTS, seed=number, refusals_allowed=False)
        load.start()
        late: list[str] = []
        try:
            for worker in yard.workers:
                late += restarted(yard, worker.name, WORKER_ENDS_S)
            for name in ("keeper", *APIS):
                late += restarted(yard, name, API_ENDS_S)
        finally:
            counts = load.stop()
        for note in late:
            counts.require(False, note)
        said = f"{load.resumed} streams taken up on the other API"
        return counts.trial(number, load.longest_pause_s, said)


def restarted(yard: Yard, name: str, ends_s: float) -> list[str]:
    """Restart a part in order; what was wrong with that."""
    part = yard.part(name)
    pid = part.term()
    late = [] if part.wait_gone(pid, ends_s) else [f"{name} had not ended after {ends_s:.0f} s"]
    part.wait_gone(pid, 30)
    yard.wait_for(lambda: part.pid not in {0, pid}, 10, f"{name} is not back")
    yard.wait_ready()
    return late


ROWS = (
    Row(
        key="16",
        title="rolling restart by SIGTERM under load: no job lost, no 5xx",
        full=10,
        small=1,
        play=play,
    ),
)
