"""The command line of the inference side: ``python -m worker``, and ``serve`` for one model."""

from __future__ import annotations

import os

import redis
import typer
from pydantic import ValidationError

from tasks.connection import connect
from tasks.errors import UnknownModel
from tasks.live_catalog import LiveCatalog
from tasks.logs import configure_logs
from tasks.model import CatalogError
from worker.node.launch import worker_command
from worker.node.node import Node, NodeRefused
from worker.node.settings import NodeSettings

REFUSED = 2

app = typer.Typer(
    help="Millrace's inference side.", add_completion=False, pretty_exceptions_enable=False
)


@app.callback(invoke_without_command=True)
def node(context: typer.Context) -> None:
    """Keep the models that are assigned to this machine served, until SIGTERM or Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    settings = _settings()
    configure_logs(settings)
    try:
        Node(settings).run()
    except (NodeRefused, CatalogError) as error:
        raise _refusal(str(error)) from None


@app.command()
def serve(
    model: str = typer.Argument(help="A model of the catalog, by its name or an alias."),
) -> None:
    """Serve one model in the foreground: this process becomes its worker."""
    settings = _settings()
    configure_logs(settings)
    try:
        found = LiveCatalog(settings, connect(settings.queue_url)).refresh().find(model)
    except CatalogError as error:
        raise _refusal(str(error)) from None
    except UnknownModel:
        raise _refusal(_unknown(model, settings)) from None
    command = worker_command(found, settings.node_name, settings.log_level)
    os.execv(command[0], command)


def _settings() -> NodeSettings:
    try:
        return NodeSettings()
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]  # an input may be a password
        raise _refusal(f"the setting {fault['loc'][0]} cannot be used: {fault['msg']}") from None


def _unknown(model: str, settings: NodeSettings) -> str:
    client = connect(settings.queue_url)
    try:
        client.ping()
        known = ", ".join(each.name for each in LiveCatalog(settings, client).refresh())
        return f"there is no model {model!r}; the catalog has {known or 'none'}"
    except redis.RedisError:
        return (
            f"{settings.models_file} has no model {model!r}, and Redis, which knows of models "
            "that were added at run time, does not answer: check MILLRACE_QUEUE_URL"
        )


def _refusal(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(REFUSED)
