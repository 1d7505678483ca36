"""Whose a request is: every job belongs to its owner and is unknown to all others."""

from __future__ import annotations

from flask import g

from tasks.api_keys import ApiKey
from tasks.errors import UnknownModel

NOBODY = "local"
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


def not_for_you(model: str) -> UnknownModel:
    """The error for a model that a key may not use, which tells no more than an unknown one's."""
    return UnknownModel(
        f"The model {model!r} does not exist or this API key may not use it. "
        "GET /v1/models lists those it may."
    )
