"""The witness: finds out what serves the model, and says it for as long as the process lives."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import redis

from tasks.identities import Identities
from tasks.model import Model
from worker.identity.files import Hashes, Seen, look
from worker.runtimes.errors import LoadFailed
from worker.runtimes.load import release_of
from worker.yielding import give_way

log = logging.getLogger(__name__)

# How often it says what it knows: a Redis that came back empty has forgotten it.
SAY_EVERY_S = 30.0
# Pause while Redis is away.
LATER_S = 2.0

_WAY = 1
"""Counted up when the same files would be made another use of: other prompts, other vectors."""


class Settings(Protocol):
    """What is needed of the worker's settings."""

    @property
    def data_dir(self) -> Path: ...

    @property
    def allowed_folders(self) -> tuple[Path, ...]: ...


class Witness:
    """What serves one model.

    1. ``look`` before the loading: which files are there.
    2. ``begin`` after it: ``digest`` is known at once where every file was hashed before, else
       when a thread that gives way has read them; that thread says it from then on.
    3. A file that is not the one that was looked at ends it: ``digest`` stays empty.
    """

    def __init__(self, model: Model, settings: Settings, identities: Identities) -> None:
        self.digest = ""
        self._model = model
        self._folders = settings.allowed_folders
        self._hashes = Hashes(settings.data_dir / "run" / "probed")
        self._identities = identities
        self._seen: list[Seen] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="identity", daemon=True)

    def look(self) -> None:
        """See which files the model is about to be loaded from."""
        try:
            self._seen = look(self._model, self._folders)
        except (LoadFailed, OSError) as error:
            log.info("what serves %s is not known: %s", self._model.name, error)

    def begin(self) -> None:
        """The model is loaded: find out what serves it, and say so."""
        self._find(self._hashes.known)
        self._thread.start()

    def close(self) -> None:
        """Say nothing more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _run(self) -> None:
        give_way()
        if not self.digest:
            self._hash()
        while self.digest and not self._stopped.is_set():
            try:
                self._identities.say(self._model, self.digest)
                pause_s = SAY_EVERY_S
            except redis.RedisError:
                pause_s = LATER_S
            self._stopped.wait(pause_s)

    def _hash(self) -> None:
        try:
            self._find(lambda seen: self._hashes.compute(seen, self._stopped.is_set))
        except OSError as error:
            log.info("a file of %s cannot be read again: %s", self._model.name, error)
        if self._seen and not (self.digest or self._stopped.is_set()):
            log.warning(
                "a file of %s changed while it was loaded: its answers are not kept, until it is"
                " loaded again",
                self._model.name,
            )

    def _find(self, hash_of: Callable[[Seen], str | None]) -> None:
        hashes: list[tuple[str, str]] = []
        if self._seen is None:
            return
        for seen in self._seen:
            if (found := hash_of(seen)) is None:
                return
            hashes.append((seen.role, found))
        # All of them at the end: the first may have been replaced while the last was read.
        if all(seen.same for seen in self._seen):
            self.digest = digest_of(self._model, hashes, release_of(self._model))


def digest_of(model: Model, hashes: Sequence[tuple[str, str]], release: str) -> str:
    """The digest of files, by their roles, that are served as ``model`` by an engine's release."""
    facts = [_WAY, model.fingerprint, sorted(hashes), release]
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()
