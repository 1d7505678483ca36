"""The models that a key may use, as a catalog in which there are no others.

Whoever reads a request finds its model there. What a key may not use is then refused where an
unknown name is, before anything about the model could show in another error.
"""

from __future__ import annotations

from collections.abc import Collection

from tasks.catalog import Catalog
from tasks.errors import UnknownModel
from tasks.model import CatalogError, Model


def allowed(catalog: Catalog, models: Collection[str]) -> Catalog:
    """``catalog`` without the models that are not named in ``models``; whole when none are."""
    return _Allowed(catalog, frozenset(models)) if models else catalog


class _Allowed(Catalog):
    """A view of another catalog."""

    def __init__(self, catalog: Catalog, names: frozenset[str]) -> None:
        # Not the parent's: every model was checked when the catalog was made.
        self.models = tuple(model for model in catalog if model.name in names)
        self._catalog = catalog
        self._names = names

    def find(self, name: str) -> Model:
        try:
            model = self._catalog.find(name)
        except UnknownModel:
            raise _not_here(name) from None
        if model.name not in self._names:
            raise _not_here(name)
        return model

    def has(self, name: str) -> bool:
        return self._catalog.has(name) and self._catalog.find(name).name in self._names

    def of_queue(self, queue: str) -> Model:
        model = self._catalog.of_queue(queue)
        if model.name not in self._names:
            raise CatalogError(f"no model has the queue {queue!r}")
        return model


def _not_here(name: str) -> UnknownModel:
    return UnknownModel(
        f"The model {name!r} does not exist, or this API key may not use it. GET /v1/models lists"
        " those that it may.",
        param="model",
    )
