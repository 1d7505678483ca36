"""Whose a request is: every job belongs to its owner and is unknown to all others.

And which models are there for it: those that its key allows.
"""

from __future__ import annotations

from flask import g

from app.keys.allowed import allowed
from app.keys.who import LOCAL
from app.services import services
from tasks.api_keys import ApiKey
from tasks.catalog import Catalog

NOBODY = LOCAL
"""The owner of what is asked for without a key, where none is needed."""


def asking_key() -> ApiKey | None:
    """The key that the request at hand brought; None where keys are not asked for."""
    key: ApiKey | None = g.get("api_key")
    return key


def asking_owner() -> str:
    """The owner that the request at hand comes from."""
    return owner_of(asking_key())


def owner_of(key: ApiKey | None) -> str:
    """Whom requests with ``key`` belong to."""
    return NOBODY if key is None else key.owner


def catalog_for(key: ApiKey | None, catalog: Catalog) -> Catalog:
    """The models of ``catalog`` that requests with ``key`` may use."""
    return catalog if key is None else allowed(catalog, key.models)


def asking_catalog() -> Catalog:
    """The models that are there for the request at hand."""
    return catalog_for(asking_key(), services().gateway.catalog)
