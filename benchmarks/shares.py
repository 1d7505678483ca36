"""Where the processor's time goes: ``python -m benchmarks.shares``, per token and per part.

What the parts around the model take on the same cores is missing to the model: this says to
which of them the gap between HTTP and the bare runtime belongs.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping

import psutil
from rich.console import Console

from benchmarks import bodies, prompts
from benchmarks.over_http import CHAT_PATH
from benchmarks.programs import load
from benchmarks.quiet import cores, wait_until_idle
from benchmarks.server import Server
from benchmarks.stack import PLAIN

ANSWERS = 8
# A word of the command line, and the part that it tells.
PARTS = {
    f"chat.{prompts.CHAT_MODEL}": "worker",
    "gunicorn": "API",
    "redis-server": "Redis",
    "app.keeper": "keeper",
}


def part_of(command: str) -> str:
    """Which part of the stack a command line belongs to."""
    return next((part for word, part in PARTS.items() if word in command), "other parts")


def spent_s(server: Server) -> dict[str, float]:
    """Processor time so far, of each part and of the load generators that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = {"load generator": used.ru_utime + used.ru_stime}
    for process in psutil.Process(server.pid).children(recursive=True):
        part = part_of(" ".join(process.cmdline()))
        times = process.cpu_times()
        spent[part] = spent.get(part, 0.0) + times.user + times.system
    return spent


def per_token_ms(
    before: Mapping[str, float], after: Mapping[str, float], tokens: int
) -> dict[str, float]:
    """Milliseconds of processor time per token, the largest first."""
    shares = {part: 1000 * (after[part] - before.get(part, 0.0)) / tokens for part in after}
    return dict(sorted(shares.items(), key=lambda share: -share[1]))


def main() -> None:
    """Print the shares at every number of streams."""
    console = Console()
    with PLAIN.running() as server:
        for streams in prompts.STREAMS:
            asked = bodies.chat_bodies(max(streams, ANSWERS))
            wait_until_idle()
            before, began_s = spent_s(server), time.monotonic()
            load(server, CHAT_PATH, streams, asked)
            wall_s = time.monotonic() - began_s
            tokens = len(asked) * prompts.new_tokens(max(streams, ANSWERS))
            shares = per_token_ms(before, spent_s(server), tokens)
            listed = ", ".join(f"{part} {ms:.2f}" for part, ms in shares.items())
            console.print(
                f"{streams} streams: {1000 * wall_s / tokens:.2f} ms a token on {cores()} cores; "
                f"processor time in ms a token: {listed}",
                soft_wrap=True,
            )


if __name__ == "__main__":
    main()
