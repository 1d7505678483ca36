"""What is done to batches by their ids, whoever made them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import msgspec
import typer

from console.batches import contract
from console.batches.contract import Batch
from console.batches.delivering import deliver, deliveries_of, format_of, kind_of
from console.batches.faults import Ended, Refused
from console.batches.progress import shown
from console.batches.server import Server
from console.batches.sinks import Format
from console.batches.views import batches_json, batches_table
from console.batches.watching import Several, watch
from console.place import REFUSED, complain
from console.screen import show, show_json
from console.wording import clean, counted

MOST_REASONS = 10


def show_batches(server: Server, ids: Sequence[str], *, as_json: bool) -> None:
    """A table of these batches, or what the API says of them."""
    raws = [contract.raw(server, batch_id) for batch_id in ids]
    if as_json:
        show_json(batches_json(raws))
        return
    batches = [msgspec.json.decode(raw, type=Batch) for raw in raws]
    show(batches_table(batches, time.time()))
    for batch in batches:
        explain(batch)


def list_newest(server: Server, limit: int, *, as_json: bool) -> None:
    """A table of the newest, and a word where there are more."""
    found = list(islice(contract.newest(server), limit + 1))
    if as_json:
        show_json(msgspec.json.encode(found[:limit]))
        return
    show(batches_table(found[:limit], time.time()))
    if len(found) > limit:
        complain(f"There are more than {limit}; --limit shows more of them.")


def cancel_each(server: Server, ids: Sequence[str]) -> None:
    """Cancel them; a refusal stops none of the others, and ends with status 1."""
    refusals = 0
    for batch_id in ids:
        try:
            batch = contract.cancel(server, batch_id)
        except Refused as error:
            complain(str(error))
            refusals += 1
        else:
            typer.echo(clean(f"{batch.id} {batch.status}"))
    if refusals:
        raise typer.Exit(REFUSED)


def watch_each(server: Server, ids: Sequence[str]) -> None:
    """Until they have ended; status 1 unless all of it went well."""
    work = Several(server, ids)
    with shown() as told:
        watch(work, server, told)
    server.note = complain
    batches = list(work.batches.values())
    show(batches_table(batches, time.time()))
    for batch in batches:
        explain(batch)
    if any(batch.status != "completed" or batch.counts.failed for batch in batches):
        raise typer.Exit(REFUSED)


def write_results(server: Server, ids: Sequence[str], output: Path, wished: Format | None) -> None:
    """Write what these batches have answered; status 1 when a row failed."""
    if output.exists():
        raise Ended(f"{output} exists: name another --output, or remove it.")
    batches = [contract.find(server, batch_id) for batch_id in ids]
    for batch in batches:
        explain(batch)
        if batch.output_file_id is None and batch.error_file_id is None:
            raise Ended(f"{batch.id} is {batch.status} and has no results.")
    kind = kind_of(batches)
    format = format_of(output, wished, kind)
    tally = deliver(server, deliveries_of(batches), output, format, kind)
    typer.echo(f"{clean(str(output))}: {tally}")
    tally.complain()
    if tally.failed:
        raise typer.Exit(REFUSED)


def explain(batch: Batch, line: int = 0) -> None:
    """Why a batch failed, a line for each of the first reasons; ``line`` is before its first."""
    for reason in batch.reasons[:MOST_REASONS]:
        where = f", line {reason.line + line}" if reason.line is not None else ""
        complain(f"{batch.id}{where}: {reason.code}: {reason.message}")
    if (more := len(batch.reasons) - MOST_REASONS) > 0:
        complain(f"... and {counted(more, 'more', 'more')}.")
