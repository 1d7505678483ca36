"""What several requests ask the cache's Redis at the same moment goes there as one message.

Sending wakes Redis up, and costs the sender more than all that it does with the answer: a fifth of
the time of a hit. Under gevent whoever asks first lets the others go on until each of them waits
for something, and takes along what they ask; alone, it loses a few microseconds by that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from app.cache.links import Command

# Enough to share the cost; their values have room in memory, however large they are.
MOST_COMMANDS = 32

Ask = Callable[[Sequence[Command]], list[Any]]


@dataclass(slots=True)
class _Turn:
    """One message: who came first sends it, the others wait for their bells."""

    commands: list[Command] = field(default_factory=list)
    bells: list[threading.Lock] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    error: BaseException | None = None


class Gathering:
    """Thread-safe; under gevent for greenlets."""

    def __init__(self, ask: Ask) -> None:
        """``ask`` sends commands, and gives an answer for each or raises redis-py's errors."""
        self._ask = ask
        self._lock = threading.Lock()
        self._open: _Turn | None = None

    def ask(self, commands: Sequence[Command]) -> list[Any]:
        """The answer to each command, as ``ask`` gives it and raises."""
        bell = threading.Lock()
        with self._lock:
            turn, leads = self._open, self._open is None
            if turn is None:
                turn = self._open = _Turn()
            else:
                bell.acquire()
                turn.bells.append(bell)
            begin = len(turn.commands)
            turn.commands += commands
            if len(turn.commands) >= MOST_COMMANDS:
                self._open = None
        if leads:
            self._send(turn)
        else:
            bell.acquire()
            if isinstance(turn.error, redis.RedisError):
                raise turn.error
            if turn.error is not None:
                # Who sent it was ended; the others were not.
                return self._ask(commands)
        return turn.answers[begin : begin + len(commands)]

    def _send(self, turn: _Turn) -> None:
        try:
            try:
                # Greenlets that have something to do now do it meanwhile.
                time.sleep(0)
            finally:
                with self._lock:
                    if self._open is turn:
                        self._open = None
            turn.answers = self._ask(turn.commands)
        except BaseException as error:
            turn.error = error
            raise
        finally:
            for bell in turn.bells:
                bell.release()
