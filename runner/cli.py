"""The command line: ``millrace up`` starts everything on this machine; ``console`` has the rest."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from console import cache, jobs, keys
from console.batches import batch
from console.fleet import models
from console.fleet.nodes import nodes
from console.queues import queues
from runner.config import prepare_folders, write_config
from runner.errors import CannotStart
from runner.parts import all_parts
from runner.ports import check_ports, needed_ports
from runner.redis_server import check_data_is_readable, find_binary, servers
from runner.settings import RunnerSettings, check_front_door, read_settings
from tasks.catalog import load_catalog
from tasks.model import CatalogError

# A traceback with the values of variables would show prompts.
app = typer.Typer(
    help="Millrace: language models behind a queue.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


@app.command()
def up() -> None:
    """Start every part in the foreground; Ctrl-C stops them, in order."""
    try:
        settings = read_settings()
        check_front_door(settings)
        load_catalog(settings)
        parts = all_parts(settings)
        check_ports(needed_ports(settings))
        check_redis(settings)
        prepare_folders(settings)
        config = write_config(settings, parts)
    except (CannotStart, CatalogError) as error:
        typer.echo(f"Millrace cannot start.\n{error}", err=True)
        raise typer.Exit(2) from None
    command = [sys.executable, "-m", "runner.supervise", "-n", "-c", str(config)]
    os.execv(sys.executable, command)


@app.command()
def node() -> None:
    """Keep models running on this machine, as the place asks for them; Ctrl-C stops them."""
    os.execv(sys.executable, [sys.executable, "-m", "worker"])


@app.command()
def serve(model: Annotated[str, typer.Argument(help="Its name in the catalog.")]) -> None:
    """Run one model in the foreground, kept by no node: for containers."""
    os.execv(sys.executable, [sys.executable, "-m", "worker", "serve", model])


app.command("queues")(queues)
app.command("nodes")(nodes)
app.add_typer(models.app, name="models")
app.add_typer(jobs.app, name="jobs")
app.add_typer(cache.app, name="cache")
app.add_typer(keys.app, name="keys")
app.add_typer(batch.app, name="batch")


def check_redis(settings: RunnerSettings) -> None:
    for server in servers(settings):
        check_data_is_readable(server, find_binary())


def main() -> None:
    app()
