"""Something that answers HTTP while it is measured, and what setups of it have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

READY_S = 90.0
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Server:
    """Running: where it listens, and the process whose tree computes for it.

    ``environment`` is that of its processes, and of the programs that are measured in its stead.
    ``served`` is its own name for its model, where it does not listen to ours.
    """

    pid: int
    host: str
    port: int
    prefix: str
    environment: Mapping[str, str]
    served: str | None = None


class Place(Protocol):
    """How to get a server, hashable: contenders of equal places share one."""

    @property
    def title(self) -> str:
        """What is said while it starts."""

    def running(self) -> AbstractContextManager[Server]:
        """The server, ready; stopped at the end if it was started here."""


def wait_until(is_ready: Callable[[], bool], has_ended: Callable[[], bool]) -> bool:
    """Wait for a server that was just started; False when it ends, or takes too long."""
    give_up_at = time.monotonic() + READY_S
    while time.monotonic() < give_up_at and not has_ended():
        if is_ready():
            return True
        time.sleep(_LOOK_S)
    return False
