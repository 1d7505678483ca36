"""Row 14: a job kills every process that computes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from faults.audit import Counts, Expected, audit
from faults.client import chat
from faults.heard import require_whole, undisturbed
from faults.lanes import side_by_side
from faults.poison import POISON
from faults.row import Row
from faults.setup import Setup
from faults.told import lives
from faults.trial import Trial
from faults.yard import Yard

DEADLY = f"drink this {POISON.decode()}"
# Some 6 s of an answer: the neighbours live through all three deaths.
TEXT = " ".join(str(number) for number in range(190))
NEIGHBOURS = 3
FAILED = frozenset({"failed"})
DEATHS = 3
ENDED_S = 90.0


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """A worker whose runtime kills its own process at a certain prompt answers three streams when
    that prompt comes. It must die of it three times, the third time with nothing else in its hands,
    and the job then be failed with ``job_failed_repeatedly``. The neighbours' clients stay
    connected and must read their texts whole, each event once."""
    yield from side_by_side(yard, numbers, trial)


def trial(yard: Yard, model: str, number: int) -> Trial:
    """One poison, three neighbours."""
    yard.wait_worker(model)
    worker = yard.worker(model)
    died = worker.deaths
    with yard.client(f"14-{number}") as client:
        neighbours = [client.stream(chat(model, f"{turn} {TEXT}")) for turn in range(NEIGHBOURS)]
        for neighbour in neighbours:
            neighbour.wait_events(5)
        poison = client.stream(chat(model, DEADLY))
        poison.wait_over(ENDED_S)
        for neighbour in neighbours:
            neighbour.wait_over(ENDED_S)
        expected = [
            Expected(poison.job_id, ends=FAILED, deaths=DEATHS - 1),
            *(undisturbed(n, f"{turn} {TEXT}", DEATHS) for turn, n in enumerate(neighbours)),
        ]
        counts = audit(yard.shelf, client.book.ids(), expected)
        code = (poison.reader.error or {}).get("code")
        counts.require(code == "job_failed_repeatedly", f"its client was told {code}")
        for turn, neighbour in enumerate(neighbours):
            require_whole(counts, neighbour, f"{turn} {TEXT}")
        count_deaths(counts, yard, model, poison.job_id)
        counts.require(worker.deaths - died == DEATHS, f"{worker.deaths - died} deaths")
        return counts.trial(number)


def count_deaths(counts: Counts, yard: Yard, model: str, job_id: str) -> None:
    """It was begun in three lives of the worker, in the last of them alone."""
    companies = [life.company(job_id) for life in lives(yard.worker(model).log)]
    begun = [company for company in companies if company is not None]
    counts.require(len(begun) == DEATHS, f"begun in {len(begun)} lives")
    counts.require(bool(begun) and not begun[-1], "it did not die alone")


ROWS = (
    Row(
        key="14",
        title="poison job that kills its process: a dead letter, neighbours finish",
        full=10,
        small=2,
        play=play,
        setup=Setup(worker_app="faults.controls.poisoned"),
    ),
)
