"""``millrace models``: list and show models, load and unload them, add and fetch them."""

from __future__ import annotations

from typing import Annotated

import typer

from console.fleet.adding import add_model
from console.fleet.definitions import check_forgettable, find_model, forget
from console.fleet.fleet_snapshot import known_models, read_fleet, read_model
from console.fleet.loading import load, unload
from console.fleet.model_detail import model_table
from console.fleet.model_views import models_json, models_view
from console.place import opened
from console.pulling.pull import pull_model
from console.screen import show
from console.watch import AsObject, Interval, Views, Watching, look

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or alias.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is so.")]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="S", min=0, help="Seconds to wait at most.")
]


@app.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    live: Watching = False,
    interval_s: Interval = 1.0,
    as_json: AsObject = False,
) -> None:
    """Every model: its state, where it runs, and why. The commands load, add and fetch models."""
    if context.invoked_subcommand is not None:
        return
    with opened() as place:
        place.ledger.redis.ping()
        known = known_models(place)
        look(
            lambda: read_fleet(place, known),
            Views(models_view, models_json),
            live=live,
            as_json=as_json,
            interval_s=interval_s,
        )


@app.command("show")
def show_model(name: Name) -> None:
    """One model: its definition, its workers, and what each node says of it."""
    with opened() as place:
        model, fleet = find_model(place, name), place.fleet
        nodes, added = fleet.nodes(), fleet.definitions()
        placement, wish = fleet.placements().get(model.name), fleet.wishes().get(model.name)
        row = read_model(place, model, nodes, placement, wish)
        is_added = added.get(model.name) == model
        show(model_table(row, nodes, added=is_added, now_s=place.records.now_s()))


@app.command("load")
def load_model(name: Name, wait: Wait = True, timeout_s: Timeout = 600.0) -> None:
    """Load a model, and wait until it is ready; status 1 when it fails, with the reason."""
    with opened() as place:
        load(place, find_model(place, name), wait=wait, timeout_s=timeout_s)


@app.command("unload")
def unload_model(
    name: Name,
    force: Annotated[
        bool, typer.Option("--force", help="At once: what it runs goes back to its queue.")
    ] = False,
    forgotten: Annotated[
        bool, typer.Option("--forget", help="Take back its definition, too, if it was added.")
    ] = False,
    wait: Wait = True,
    timeout_s: Timeout = 600.0,
) -> None:
    """Unload a model once it has finished what it runs. A job that comes for it loads it again."""
    with opened() as place:
        model = find_model(place, name)
        if forgotten:
            check_forgettable(place, model)
        unload(place, model, force=force, wait=wait, timeout_s=timeout_s)
        if forgotten:
            forget(place, model)
            typer.echo(f"{model.name} is forgotten.")


app.command("add")(add_model)
app.command("pull")(pull_model)
