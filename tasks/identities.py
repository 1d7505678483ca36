"""What serves a model: the identity of its files, its definition and its engine, together.

A worker says it once it knows: hashing gigabytes takes a while, and no request waits for it. It
stays known while the model is not loaded, so that what was computed before can still be found. Who
keeps an answer compares the identity that it looked for with the one that its ``Done`` bears: a
worker with another file may have taken over in between.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tasks.connection import Client
from tasks.keys import Keys
from tasks.model import Model
from tasks.settings import QueueSettings


class Identity(msgspec.Struct, frozen=True):
    """``digest`` identifies what computes, for the definition of this ``fingerprint``."""

    fingerprint: str
    digest: str


class Identities:
    """The identities by model. Thread-safe, as its client is."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._redis = client
        self._key = Keys(settings.key_prefix).identities

    def say(self, model: Model, digest: str) -> None:
        """A worker serves ``model`` as ``digest``, from now on."""
        told = Identity(model.fingerprint, digest)
        self._redis.hset(self._key, model.name, msgspec.json.encode(told))

    def of(self, models: Iterable[Model]) -> dict[str, str]:
        """The digests by model's name, of those that were said for the definition at hand."""
        rows = self._redis.hgetall(self._key)
        found: dict[str, str] = {}
        for model in models:
            row = rows.get(model.name.encode())
            if row is not None:
                told = msgspec.json.decode(row, type=Identity)
                if told.fingerprint == model.fingerprint:
                    found[model.name] = told.digest
        return found
