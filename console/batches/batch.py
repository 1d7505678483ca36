"""``millrace batch``: submit a file of texts or requests, watch it, get its results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from console.place import INTERRUPTED, UNREACHABLE, fail

if TYPE_CHECKING:
    from console.batches.server import Server

app = typer.Typer(
    help="Compute files of texts or requests in the background: submit, watch and get batches.",
    no_args_is_help=True,
)

Url = Annotated[
    str | None,
    typer.Option("--url", help="The API; left out, MILLRACE_URL or the one of this machine."),
]
Key = Annotated[
    str | None,
    typer.Option("--key", help="The key; others see it here, and not in MILLRACE_KEY."),
]
Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of batches, as listed.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array instead of a table.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Where the results go.")]
Written = Annotated[
    Literal["jsonl", "npy", "parquet"] | None,
    typer.Option("--format", help="Of the output; left out, what its name ends with, or jsonl."),
]


@app.command("submit")
def submit_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Requests as OpenAI's batches have them (JSONL), a text on each line, or a table"
            " (.csv, .tsv).",
        ),
    ],
    *,
    model: Annotated[str | None, typer.Option("--model", "-m", help="For texts.")] = None,
    kind: Annotated[
        Literal["auto", "embeddings", "chat", "completions"],
        typer.Option(help="What is made of a text; auto: what the model is for."),
    ] = "auto",
    column: Annotated[
        str | None, typer.Option(help="The table's column, by name or number from 1.")
    ] = None,
    header: Annotated[
        bool, typer.Option("--header/--no-header", help="Whether the table begins with names.")
    ] = True,
    system: Annotated[str | None, typer.Option(help="The system message of every chat.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Of every answer.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="Of every answer.")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Wait for the results and write them to OUTPUT.")
    ] = False,
    output: Output = None,
    written: Written = None,
    window: Annotated[str, typer.Option(help="How long a batch may take.")] = "24h",
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Of every batch; repeatable.")
    ] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Submit FILE, as many batches as it needs; --watch writes the results in FILE's order.

    Rows count from 0. A blank line, or an empty cell, is a row without a vector or an answer, so
    that row N stays line N. The same command goes on with what was interrupted: a small file beside
    the output, OUTPUT.batches.json, says what is submitted. Failed rows are counted and end the
    command with status 1; the others are written.
    """
    from console.batches import submission

    with _at(url, key) as server:
        submission.submit(
            server,
            submission.Wishes(
                file=file,
                model=model,
                kind=kind,
                column=column,
                has_header=header,
                system=system,
                max_tokens=max_tokens,
                temperature=temperature,
                watch=watch,
                output=output,
                format=written,
                window=window,
                metadata=tuple(metadata or ()),
            ),
        )


@app.command("get")
def get_batches(
    ids: Ids,
    *,
    output: Output = None,
    written: Written = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """How batches stand; with --output their results, as far as they have some."""
    from console.batches import handling

    with _at(url, key) as server:
        if output is None:
            handling.show_batches(server, ids, as_json=as_json)
        else:
            handling.write_results(server, ids, output, written)


@app.command("list")
def list_batches(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """The newest batches of this key."""
    from console.batches import handling

    with _at(url, key) as server:
        handling.list_newest(server, limit, as_json=as_json)


@app.command("cancel")
def cancel_batches(ids: Ids, url: Url = None, key: Key = None) -> None:
    """Cancel batches; what they have computed stays theirs."""
    from console.batches import handling

    with _at(url, key) as server:
        handling.cancel_each(server, ids)


@app.command("watch")
def watch_batches(ids: Ids, url: Url = None, key: Key = None) -> None:
    """Wait until batches have ended; status 1 when one did not complete, or a line failed."""
    from console.batches import handling

    with _at(url, key) as server:
        try:
            handling.watch_each(server, ids)
        except KeyboardInterrupt:
            fail("Interrupted. The batches go on; the same command watches them.", INTERRUPTED)


@contextmanager
def _at(url: str | None, key: str | None) -> Iterator[Server]:
    """The API, for one command; what goes wrong ends it with a line and a status."""
    from console.batches.faults import Ended
    from console.batches.server import Server
    from console.batches.settings import based, read_settings

    try:
        settings = read_settings()
        server = Server(based(url) if url else settings.base_url, key or settings.bearer)
        try:
            yield server
        finally:
            server.close()
    except Ended as error:
        fail(str(error), error.status)
    except msgspec.MsgspecError as error:
        fail(f"What answers there is no API of batches: {error}.", UNREACHABLE)
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(f"It cannot go on: {error}.", UNREACHABLE)
    except KeyboardInterrupt:
        fail("Interrupted.", INTERRUPTED)
