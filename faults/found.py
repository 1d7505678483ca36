"""A job as Redis has it: read key by key, past every reader that the server itself uses."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tasks import events
from tasks.claims import FINAL
from tasks.connection import Client
from tasks.events import Event, Failed, Token, is_terminal
from tasks.keys import Keys


class Found(msgspec.Struct, frozen=True):
    """A job's record and its log."""

    state: str
    attempt: int
    log: tuple[tuple[int, Event], ...]

    @property
    def seqs(self) -> list[int]:
        """The numbers of the log's events."""
        return [seq for seq, _ in self.log]

    @property
    def ends(self) -> int:
        """How many terminal events the log has."""
        return sum(is_terminal(event) for _, event in self.log)

    @property
    def ends_last(self) -> bool:
        """Whether the last event is a terminal one."""
        return bool(self.log) and is_terminal(self.log[-1][1])

    @property
    def text(self) -> str:
        """The text of choice 0."""
        return "".join(tokens_text(self.log))

    @property
    def token_ids(self) -> list[int]:
        """The token ids of choice 0."""
        return [
            token
            for _, event in self.log
            if isinstance(event, Token) and event.index == 0
            for token in event.ids
        ]

    @property
    def error(self) -> str | None:
        """The code that it failed with."""
        return next((event.code for _, event in self.log if isinstance(event, Failed)), None)

    def text_between(self, first: int, last: int) -> str:
        """The text of choice 0 in the events from number ``first`` to number ``last``."""
        return "".join(tokens_text([(seq, e) for seq, e in self.log if first <= seq <= last]))


class Shelf:
    """Reads jobs. Thread-safe, as its client is."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._redis = client
        self._keys = keys

    def find(self, job_id: str) -> Found | None:
        """The job; None when Redis knows none of this id."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.hmget(self._keys.job(job_id), "state", "attempt")
        pipe.xrange(self._keys.log(job_id))
        (state, attempt), rows = pipe.execute()
        if state is None:
            return None
        log = tuple((int(row.split(b"-")[0]), events.decode(value[b"e"])) for row, value in rows)
        return Found(state.decode(), int(attempt), log)

    def open_ids(self) -> list[str]:
        """Every job in Redis that has no end yet, found by its record and no index."""
        stem = self._keys.job("")
        ids = [key.decode().removeprefix(stem) for key in self._redis.scan_iter(f"{stem}*", 1000)]
        return [job_id for job_id in ids if self.state(job_id) not in {None, *FINAL}]

    def state(self, job_id: str) -> str | None:
        """The job's state alone."""
        state = self._redis.hget(self._keys.job(job_id), "state")
        return state.decode() if state else None

    def attempt(self, job_id: str) -> int:
        """How often the job was claimed."""
        return int(self._redis.hget(self._keys.job(job_id), "attempt") or 0)


def tokens_text(log: Sequence[tuple[int, Event]]) -> list[str]:
    """The texts of choice 0 in a log."""
    return [event.text for _, event in log if isinstance(event, Token) and event.index == 0]
