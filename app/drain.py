"""The end of an API process: what is open may finish for a while, then it is handed over.

1. SIGTERM: the listening socket closes, ``/ready`` says so to those still connected, open requests
   go on.
2. A moment before gunicorn would cut them, ``over`` is true: streams end with an error event that
   says where to go on reading, waiting requests get a 503, and the jobs live on for a while.
3. gunicorn's worker sees that nothing is open, and exits.
"""

from __future__ import annotations

import time

# Before gunicorn's own end, for the last bytes to leave; its loop looks once a second.
CUT_BEFORE_S = 1.0


class Drain:
    """Whether this process is to end, and since when."""

    def __init__(self) -> None:
        self._cut_at: float | None = None

    def begin(self, shutdown_s: float) -> None:
        """The process was told to stop; called in a signal handler."""
        if self._cut_at is None:
            grace_s = max(shutdown_s - CUT_BEFORE_S, shutdown_s / 2)
            self._cut_at = time.monotonic() + grace_s

    @property
    def begun(self) -> bool:
        """Whether new requests had better go elsewhere."""
        return self._cut_at is not None

    @property
    def over(self) -> bool:
        """Whether open requests must end now."""
        return self._cut_at is not None and time.monotonic() >= self._cut_at


drain = Drain()
