"""How fast counters rise: from totals that grow in steps, a rate over the last seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

# Processes tell what they counted every two seconds: over less, a steady rate looks like a saw.
WINDOW_S = 6.0


class Pace:
    """Rates by name. Fed by one thread."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._seen: deque[tuple[float, Mapping[str, float]]] = deque()

    def feed(self, now_s: float, totals: Mapping[str, float]) -> dict[str, float]:
        """Take in the totals of now; how much each rose per second within the window."""
        while len(self._seen) > 1 and self._seen[1][0] <= now_s - self._window_s:
            self._seen.popleft()
        if self._seen and now_s - self._seen[-1][0] > 2 * self._window_s:
            # Nobody watched for a while: an average over that is no rate of now.
            self._seen.clear()
        self._seen.append((now_s, dict(totals)))
        then_s, before = self._seen[0]
        passed_s = now_s - then_s
        if passed_s <= 0:
            return dict.fromkeys(totals, 0.0)
        # A counter that was not there before began at 0.
        return {
            name: max(total - before.get(name, 0.0), 0.0) / passed_s
            for name, total in totals.items()
        }
