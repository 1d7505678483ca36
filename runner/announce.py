"""What the terminal shows: a line per part as it becomes ready, then a request that works."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Sequence

from runner.parts import part_name
from runner.readiness import Report, read_reports
from runner.settings import RunnerSettings, read_settings
from tasks.catalog import load_catalog
from tasks.model import Model

POLL_S = 0.25
SLOW_POLL_S = 2.0  # after the request was printed: a failed model may yet be repaired
PATIENCE_S = 20.0
QUESTION = "Explain what a message queue is in one sentence."


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # being stopped is no failure
    settings = read_settings()
    models = load_catalog(settings).models
    print(f"Millrace is starting; its logs are in {settings.data_dir / 'log'}/.", flush=True)
    announce(settings, models, lambda: read_reports(settings, models))


def announce(
    settings: RunnerSettings, models: Sequence[Model], read: Callable[[], dict[str, Report]]
) -> None:
    """Print each part's change for the better (or its failure, once), until all are ready."""
    board = Board(settings, models)
    while True:
        board.show(read())
        if not board.waiting and not board.closed:
            board.close()
        if not board.waiting and not board.failed:
            return
        time.sleep(SLOW_POLL_S if board.closed else POLL_S)


class Board:
    """What was announced already, and what is still to come."""

    def __init__(self, settings: RunnerSettings, models: Sequence[Model]) -> None:
        self.settings = settings
        self.chat = [model for model in models if model.kind != "embed"]
        # Redis is waited for even when it is not ours; the node is told of by its models.
        queues = [part_name(model.queue) for model in models]
        self.order = ["redis-queue", "redis-cache", "keeper", *queues, "api"]
        self.width = max(map(len, self.order))
        self.waiting = set(self.order)
        self.failed: dict[str, str] = {}
        self.closed = False
        self.begun = self.moved = time.monotonic()

    def show(self, reports: dict[str, Report]) -> None:
        now = time.monotonic()
        for name in self.order:
            report = reports[name]
            pending = name in self.waiting or name in self.failed
            if report.state == "ready" and pending:
                self.waiting.discard(name)
                self.failed.pop(name, None)
                self.line(name, f"ready after {now - self.begun:.1f} s")
            elif report.state == "resting" and name in self.waiting:
                self.waiting.discard(name)
                self.line(name, f"not loaded: {report.reason}")
            elif report.state == "failed" and self.failed.get(name) != report.reason and pending:
                self.waiting.discard(name)
                self.failed[name] = report.reason
                self.line(name, f"FAILED: {report.reason}")
            else:
                continue
            self.moved = now
        if self.waiting and now - self.moved > PATIENCE_S:
            self.moved = now
            late = ", ".join(name for name in self.order if name in self.waiting)
            print(f"  still waiting for {late}; see {self.settings.data_dir / 'log'}/", flush=True)

    def line(self, name: str, text: str) -> None:
        address = f"  {self.settings.api_url}" if name == "api" and "ready" in text else ""
        print(f"  {name:<{self.width}}  {text}{address}", flush=True)

    def close(self) -> None:
        """Say what can be done now."""
        self.closed = True
        usable = [each.name for each in self.chat if part_name(each.queue) not in self.failed]
        if usable:
            print(f"\nTry it:\n\n{example(self.settings, usable[0])}\n")
        print("Ctrl-C stops everything, in order.", flush=True)


def example(settings: RunnerSettings, model: str) -> str:
    """A request that streams an answer of ``model``, to paste into a shell."""
    body = json.dumps(
        {
            "model": model,
            "messages": [{"role": "user", "content": QUESTION}],
            "temperature": 0,
            "stream": True,
        }
    )
    # By its name: what the terminal shows, others see.
    key = '  -H "Authorization: Bearer $MILLRACE_API_KEY" \\\n' if settings.api_key else ""
    return (
        f"curl -N {settings.api_url}/v1/chat/completions \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"{key}"
        f"  -d '{body}'"
    )


if __name__ == "__main__":
    main()
