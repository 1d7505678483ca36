"""``millrace jobs``: list, show, cancel, accept again, and the dead letters."""

from __future__ import annotations

from typing import Annotated

import typer

from console.detail import read_detail
from console.detail_views import content_table, detail_table
from console.event_views import answers_table, events_table
from console.job_views import dead_table, jobs_json, jobs_table
from console.listing import newest
from console.place import Place, complain, each, opened
from console.screen import heading, show, show_json
from tasks.claims import State
from tasks.errors import TaskError

app = typer.Typer(
    help="List, show and cancel jobs, accept them again, and see the dead letters.",
    no_args_is_help=True,
)


class JobEnded(TaskError):
    """Raised when a job that is to be cancelled has ended otherwise."""


JobIds = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of jobs, as listed.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array instead of a table.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")]


@app.command("list")
def list_jobs(
    state: Annotated[State | None, typer.Option(help="Only jobs in this state.")] = None,
    model: Annotated[str | None, typer.Option(help="Only jobs of this model.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only jobs of this owner.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """The newest jobs that Redis still knows, of every owner."""
    with opened() as place:
        page = newest(place, limit, owner=owner, state=state, model=model)
        if as_json:
            show_json(jobs_json(page.records))
            return
        show(jobs_table(page.records, place.records.now_s()))
        if page.has_more:
            complain(f"There are more than {limit}; --limit shows more of them.")


@app.command("show")
def show_job(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    events: Annotated[bool, typer.Option("--events", help="Its log, too.")] = False,
    content: Annotated[
        bool, typer.Option("--content", help="What its client wrote and was answered, too.")
    ] = False,
) -> None:
    """One job's bookkeeping: who holds it, how it ended, the sizes of what was asked."""
    with opened() as place:
        detail = read_detail(place, job_id)
        show(detail_table(detail))
        log = place.records.log(job_id) if content or events else []
        if content:
            show(heading("Content"))
            show(content_table(detail))
            show(answers_table(log))
        if events:
            show(heading("Events"))
            show(events_table(log))


@app.command("cancel")
def cancel_jobs(job_ids: JobIds) -> None:
    """Cancel jobs: at once while they wait, through their worker while they run."""
    with opened() as place:
        each(job_ids, lambda job_id: cancel(place, job_id))


def cancel(place: Place, job_id: str) -> str:
    """What became of the job; ``UnknownJob``, or ``JobEnded`` when it was too late."""
    record = place.records.find(job_id, None)
    match place.ledger.cancel(job_id, record.queue):
        case "cancelled":
            return f"{job_id} cancelled"
        case "running":
            return f"{job_id} running, its worker was asked to stop"
        case state:
            raise JobEnded(f"The job {job_id!r} is not cancelled: it ended as {state}.")


@app.command("retry")
def retry_jobs(job_ids: JobIds) -> None:
    """Accept jobs again that failed, expired or were cancelled; prints the new jobs' ids."""
    from console.again import accept_again
    from tasks.catalog import load_catalog
    from tasks.gateway import Gateway

    with opened() as place:
        catalog = load_catalog(place.settings)
        gateway = Gateway(place.settings, catalog, client=place.ledger.redis)
        try:
            each(job_ids, lambda job_id: accept_again(gateway, job_id))
        finally:
            gateway.close()


@app.command("dead")
def list_dead(limit: Limit = 20, as_json: AsJson = False) -> None:
    """The dead letters, newest first: jobs whose process died with them too often."""
    with opened() as place:
        records = place.records.dead_letters(limit)
        if as_json:
            show_json(jobs_json(records))
            return
        show(dead_table(records, place.records.now_s()))
        if records:
            complain("`millrace jobs retry ID` accepts one again, as a new job.")
