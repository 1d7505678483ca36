"""Waiting for what the harness sees: a condition, an answer's first line."""

from __future__ import annotations

import time
from collections.abc import Callable

from faults.stream import Stream

LOOK_S = 0.01


def until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether the condition held in time; for what must hold there is ``Yard.wait_for``."""
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(LOOK_S)
    return True


def answered(stream: Stream, timeout_s: float = 10) -> bool:
    """Whether the stream's status line came, so that its job is accepted."""
    until(lambda: bool(stream.status) or stream.over, timeout_s)
    return bool(stream.job_id)
