"""``celery -A faults.controls.poisoned worker``: an echo that dies of some prompts, for row 14.

No protection is off here. As a runtime's abort would, computing a prompt with ``POISON`` in it
takes the whole process down, and with it whatever else it answers.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from faults.controls.patches import replace_method
from faults.poison import POISON
from worker.celery import celery
from worker.runtimes.base import Feed, Sampled
from worker.runtimes.echo import EchoChat
from worker.runtimes.echo_tokens import decode as bytes_of

__all__ = ["celery"]


def decode(self: EchoChat, feeds: Sequence[Feed]) -> list[Sampled]:
    """As before, unless one of the prompts is the poison."""
    for feed in feeds:
        if len(feed.tokens) > 1 and POISON in b"".join(map(bytes_of, feed.tokens)):
            os.kill(os.getpid(), signal.SIGKILL)
    sampled: list[Sampled] = unharmed(self, feeds)
    return sampled


unharmed = replace_method(EchoChat, "decode", decode)
