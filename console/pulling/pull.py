"""``millrace models pull``: a model's files of the hub, fetched before anybody needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.fleet.definitions import find_model
from console.place import INTERRUPTED, REFUSED, complain, fail, opened
from console.pulling.fetch_views import shown
from console.wording import clean, size
from tasks.catalog import package_file
from tasks.model import CatalogError, Model

if TYPE_CHECKING:
    from console.pulling.download import Progress


def pull_model(
    name: Annotated[
        str, typer.Argument(metavar="MODEL|hf:OWNER/REPO/FILE", help="A model, or a single file.")
    ],
) -> None:
    """Fetch a model's files from the hub to this machine's cache, where its node finds them.

    An interrupted download goes on where it ended. HF_TOKEN, HF_ENDPOINT, HF_HUB_CACHE and
    HF_HUB_OFFLINE are the hub's own.
    """
    files: list[tuple[str, str | None]] = [(name, None)]
    if not name.startswith("hf:"):
        with opened() as place:
            files = list(sources(find_model(place, name)))
    try:
        with shown() as progress:
            bad = sum(not _had(source, pin, progress) for source, pin in files)
    except KeyboardInterrupt:
        fail("Interrupted. The same command goes on from there.", INTERRUPTED)
    if bad:
        raise typer.Exit(REFUSED)


def sources(model: Model) -> Iterator[tuple[str, str | None]]:
    """A model's files as sources, each with the sha256 that it is pinned to."""
    yield model.source, model.sha256
    for source in (model.tokenizer, model.mmproj):
        if source is not None:
            yield source, None


def _had(source: str, pin: str | None, progress: Progress) -> bool:
    """Whether the file is here in the end; a line says so, or why not."""
    if not source.startswith("hf:"):
        return _lies_here(source)
    # The hub's library takes a quarter of a second to import, and most commands need none of it.
    from console.pulling.fetching import fetch
    from console.pulling.hub_files import NotFetched

    try:
        fetched = fetch(source, pin, progress)
    except NotFetched as error:
        complain(str(error))
        return False
    typer.echo(clean(f"{source}: {fetched.how}, {size(fetched.size)}, at {fetched.path}"))
    return True


def _lies_here(source: str) -> bool:
    """A file that nobody fetches: whether this machine has it."""
    scheme, _, name = source.partition(":")
    if scheme == "echo":
        typer.echo(f"{source}: nothing to fetch, it has no file")
        return True
    try:
        path = package_file(name) if scheme == "package" else Path(name).expanduser()
        number_bytes = path.stat().st_size
    except (CatalogError, ImportError, OSError, RuntimeError, ValueError) as error:
        complain(f"{source}: nothing to fetch, and the file is not here: {error}")
        return False
    typer.echo(clean(f"{source}: nothing to fetch, the file is here, {size(number_bytes)}"))
    return True
