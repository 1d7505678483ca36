"""What may befall a driver between any two of its steps, drawn by a seed.

A driver may be killed, stand still while others go on, lose its connection before or after a
command was applied, or have a command applied twice, as a client's retry does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import redis

from app.files.store import Store
from tasks.connection import Client

# How much likelier harm is where something is changed, and how much less where it is only read.
WRITES, READS = 4.0, 0.4


KINDS = (
    *("killed before", "killed after", "lost before", "lost after"),
    *("still before", "still after", "twice", "twice, still between"),
)


class Killed(BaseException):
    """Raised where a driver dies: nothing of it runs any more, no handler either."""


class Fate:
    """Decides at each step of one driver; calm until it is told how likely harm is."""

    def __init__(self, seed: random.Random, meanwhile: Callable[[], None]) -> None:
        self._seed = seed
        self._meanwhile = meanwhile
        self.harm = 0.0
        self.met: list[str] = []

    def draw(self, weight: float) -> str:
        """What happens at this step."""
        if self._seed.random() >= self.harm * weight:
            return ""
        drawn = self._seed.choice(KINDS)
        self.met.append(drawn)
        return drawn

    def strike(self, drawn: str, when: str) -> None:
        """Let it happen, if this is when."""
        if drawn == f"killed {when}":
            raise Killed
        if drawn == f"lost {when}":
            raise redis.ConnectionError(drawn)
        if drawn in (f"still {when}", f"twice, still {when}"):
            harm, self.harm = self.harm, 0.0
            self._meanwhile()
            self.harm = harm


class FatedClient(redis.Redis):
    """A connection that a fate watches over."""

    fate: Fate

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """One command."""
        weight = WRITES if args[0] == "EVALSHA" else READS
        execute: Any = super().execute_command
        return self._fated(weight, lambda: execute(*args, **options))

    def pipeline(self, *args: Any, **options: Any) -> Any:
        """Commands that are sent together."""
        pipe: Any = super().pipeline(*args, **options)
        execute = pipe.execute
        pipe.execute = lambda *given, **named: self._fated(READS, lambda: execute(*given, **named))
        return pipe

    def _fated(self, weight: float, act: Callable[[], Any]) -> Any:
        drawn = self.fate.draw(weight)
        self.fate.strike(drawn, "before")
        answer = act()
        self.fate.strike(drawn, "between")
        if drawn.startswith("twice") and weight == WRITES:
            answer = act()
        self.fate.strike(drawn, "after")
        return answer


def fated(client: Client, fate: Fate) -> Client:
    """The same Redis, for a driver of this fate."""
    own = FatedClient(connection_pool=client.connection_pool)
    own.fate = fate
    return own


class FatedStore:
    """A store that a fate watches over where it is written to."""

    def __init__(self, store: Store, fate: Fate) -> None:
        self._store = store
        self._fate = fate

    @contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        """A file to write to."""
        drawn = self._fate.draw(WRITES)
        with self._store.writer(name) as file:
            yield file
            self._fate.strike(drawn, "before")
        self._fate.strike(drawn, "after")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def fated_store(store: Store, fate: Fate) -> Store:
    """The same store, for a driver of this fate."""
    return cast(Store, FatedStore(store, fate))


class Tail:
    """A Redis that may lose what it was told last: all keys of a prefix as they were before."""

    def __init__(self, client: Client, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._kept: dict[bytes, tuple[bytes, int]] = {}

    def keep(self) -> None:
        """What is there now is on the disk."""
        self._kept = {}
        for key in self._keys():
            dumped = self._client.dump(key)
            if dumped is not None:
                self._kept[key] = (dumped, max(self._client.pttl(key), 0))

    def lose(self) -> None:
        """Everything since is gone, and nobody is told."""
        if gone := self._keys():
            self._client.delete(*gone)
        for key, (dumped, ttl_ms) in self._kept.items():
            self._client.restore(key, ttl_ms, dumped)

    def _keys(self) -> list[bytes]:
        return list(self._client.scan_iter(f"{self._prefix}:*", count=1_000))
