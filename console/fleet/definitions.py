"""Models by name, and definitions that are added at run time and taken back."""

from __future__ import annotations

from pathlib import Path

from console.place import Place
from tasks.catalog import Catalog, load_catalog
from tasks.errors import TaskError, UnknownModel
from tasks.model import CatalogError, Model, check

FORMS = "package:<import name>/<path>, path:<file>, hf:<owner>/<repo>/<file> or echo:"
_SCHEMES = ("package", "path", "hf", "echo")


class Taken(TaskError):
    """Raised when a definition cannot be added or taken back: the catalog's file has the word."""


def find_model(place: Place, name: str) -> Model:
    """The model of that name or alias: of the catalog's file, else one that was added.

    Redis is asked only for what the file does not have. Raises ``UnknownModel``.
    """
    in_file = file_catalog(place)
    if in_file.has(name):
        return in_file.find(name)
    for model in place.fleet.definitions().values():
        if name in (model.name, *model.aliases):
            return model
    raise UnknownModel(f"There is no model {name!r}: `millrace models` lists those that there are.")


def file_catalog(place: Place) -> Catalog:
    """What the catalog's file defines; nothing where it cannot be used."""
    try:
        return load_catalog(place.settings)
    except CatalogError:
        return Catalog(())


def define(place: Place, model: Model) -> bool:
    """Add the definition, or change the one that was added; whether it was there before.

    Raises ``CatalogError`` for one that cannot be used, ``Taken`` for a name that another has.
    """
    check(model)
    for source in (model.source, model.tokenizer, model.mmproj):
        if source is not None:
            check_source(source)
    in_file = file_catalog(place)
    added = place.fleet.definitions()
    for name in (model.name, *model.aliases):
        if in_file.has(name):
            raise Taken(
                f"The name {name!r} is of {place.settings.models_file}, which goes before what is"
                " added: change it there."
            )
        for other in added.values():
            if other.name != model.name and name in (other.name, *other.aliases):
                raise Taken(f"The name {name!r} is of the model {other.name!r} already.")
    before = added.get(model.name)
    if before is not None and before.queue != model.queue:
        _check_unused(place, before)
    place.fleet.define(model)
    return before is not None


def _check_unused(place: Place, before: Model) -> None:
    """Raise ``Taken`` while the model's queue, which its name would leave, is in use."""
    depths = place.records.queue(before.queue)
    if depths.depth or depths.running or place.roster.workers(before.queue):
        raise Taken(
            f"{before.name!r} is of kind {before.kind!r} and in use: unload it with --forget first,"
            " or choose another name."
        )


def check_source(source: str) -> None:
    """Raise ``CatalogError`` for a source of no known form."""
    scheme, colon, _ = source.partition(":")
    if not colon or scheme not in _SCHEMES:
        raise CatalogError(f"{source!r} is no model source: write {FORMS}")


def spelled_out(source: str | None) -> str | None:
    """A ``path:`` of a file that lies here made absolute: a worker has another working folder."""
    scheme, _, name = (source or "").partition(":")
    if scheme == "path" and name and Path(name).expanduser().exists():
        return f"path:{Path(name).expanduser().absolute()}"
    return source


def check_forgettable(place: Place, model: Model) -> None:
    """Raise ``Taken`` for a model that was not added at run time."""
    if model.name not in place.fleet.definitions():
        raise Taken(
            f"The model {model.name!r} is of {place.settings.models_file}: take it out there."
        )


def forget(place: Place, model: Model) -> None:
    """Take back the definition, and what was wished for it."""
    place.fleet.forget(model.name)
    place.fleet.wish(model.name, None)
