"""An engine to try, and what it told."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tasks.events import Event, Token, is_terminal
from tasks.jobs import Message, Sampling
from worker.engine import Engine, Request
from worker.engine.engine import Told
from worker.runtimes.echo import EchoChat


class Heard:
    """What the engine told, by request."""

    def __init__(self) -> None:
        self.events: dict[str, list[Event]] = defaultdict(list)
        self._news = threading.Condition()

    def __call__(self, told: Told) -> None:
        with self._news:
            for request_id, event in told:
                self.events[request_id].append(event)
            self._news.notify_all()

    def wait(self, *request_ids: str, until: Callable[[Event], bool] = is_terminal) -> None:
        """Wait for an event of each request."""
        with self._news:
            assert self._news.wait_for(
                lambda: all(any(map(until, self.events[name])) for name in request_ids), 20
            )

    def text(self, request_id: str, index: int = 0) -> str:
        """The text told of one choice."""
        told = self.events[request_id]
        return "".join(e.text for e in told if isinstance(e, Token) and e.index == index)

    def last(self, request_id: str) -> Event:
        """The last event told."""
        return self.events[request_id][-1]


class Bench:
    """An engine on an echo runtime of 4 slots."""

    def __init__(self, tokens_per_s: float = 0, runtime: EchoChat | None = None) -> None:
        self.runtime = runtime or EchoChat(slots=4, context=400, tokens_per_s=tokens_per_s)
        self.heard = Heard()
        self.engine = Engine(lambda: self.runtime, self.heard)

    def request(self, name: str, text: str, **changes: Any) -> Request:
        """A request that is answered with ``text``."""
        fields: dict[str, Any] = {
            "id": name,
            "prompts": (tuple(self.runtime.prompt([Message("user", text)])),),
            "sampling": Sampling(),
            "seed": 1,
        }
        return Request(**(fields | changes))
