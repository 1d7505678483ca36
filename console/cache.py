"""``millrace cache``: what the cache of answers did and holds, and forgetting it."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import redis
import typer

from console.cache_snapshot import cache_client, read_cache
from console.cache_views import cache_json, cache_view
from console.fleet.definitions import find_model
from console.place import UNREACHABLE, Place, address_of, fail, opened
from console.watch import AsObject, Interval, Views, Watching, look
from console.wording import counted
from tasks.cache_server import Swept, sweep
from tasks.connection import Client

app = typer.Typer()


@app.callback(invoke_without_command=True)
def cache(
    context: typer.Context,
    live: Watching = False,
    interval_s: Interval = 1.0,
    as_json: AsObject = False,
) -> None:
    """What the cache of answers did, by model, and how full it is; ``clear`` forgets."""
    if context.invoked_subcommand is not None:
        return
    with opened() as place, closing(cache_client(place)) as client:
        place.ledger.redis.ping()
        look(
            lambda: read_cache(place, client),
            Views(cache_view, cache_json),
            live=live,
            as_json=as_json,
            interval_s=interval_s,
        )


@app.command("clear")
def clear_cache(
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Only of this model.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="OWNER", help="Only of this owner.")
    ] = None,
    older_than_s: Annotated[
        float | None,
        typer.Option("--older-than", metavar="S", min=0, help="Only what is so many seconds old."),
    ] = None,
) -> None:
    """Forget answers and vectors: all, or what the options name together."""
    with opened() as place, closing(cache_client(place)) as client:
        name = None if model is None else find_model(place, model).name
        deleted = _swept(place, client, Swept(name, owner, older_than_s))
        typer.echo(f"{counted(deleted, 'entry', 'entries')} deleted.")


def _swept(place: Place, client: Client, swept: Swept) -> int:
    deleted = 0
    # First: what ended a moment ago is shared, too, until it can be found in the cache.
    place.ledger.unshare()
    try:
        for number in sweep(client, place.settings.key_prefix, swept):
            deleted += number
    except redis.RedisError as error:
        reason, address = str(error).rstrip("."), address_of(place.settings.cache_url)
        gone = f" {counted(deleted, 'entry', 'entries')} deleted before." if deleted else ""
        fail(
            f"Cannot reach the cache's Redis at {address} ({reason}).{gone} Start it with"
            " `millrace up`, or say where it is in MILLRACE_CACHE_URL.",
            UNREACHABLE,
        )
    return deleted
