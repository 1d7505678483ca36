"""What a run of the installer shows and keeps: short step lines on screen, all noise in a log."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

TAIL_LINES = 25


class SetupError(Exception):
    """Raised when the machine cannot be made ready; the message says what the user can do."""


def say(text: str) -> None:
    print(text, flush=True)


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step, and say how long it took."""
    begun = time.monotonic()
    say(f"- {title} ...")
    yield
    say(f"  done in {duration(time.monotonic() - begun)}")


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def run_logged(
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> int:
    """Run ``command`` with its output in ``log``; the exit status.

    In a process group of its own, which dies with the installer: an interrupted compile would
    otherwise go on in the background, with nobody waiting for it.
    """
    with log.open("a", errors="replace") as out:
        out.write(f"$ {' '.join(map(str, command))}\n")
        out.flush()
        with subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            text=True,
            errors="replace",
            start_new_session=True,
        ) as child:
            try:
                assert child.stdout is not None
                for line in child.stdout:
                    out.write(line)
                    if on_line:
                        on_line(line)
                return child.wait()
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGTERM)
                raise


def must_run(command: Sequence[str | Path], log: Path, purpose: str) -> None:
    """Run ``command`` and end the installer with the log's tail when it fails."""
    if run_logged(command, log) != 0:
        raise SetupError(f"{purpose} failed. The end of {log}:\n\n{tail(log)}")


def tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(f"    {line[:300]}" for line in lines[-TAIL_LINES:])


class Progress:
    """A counter of build steps: one moving line on a terminal, else a line now and then."""

    quiet_s = 20.0

    def __init__(self, label: str) -> None:
        self.label = label
        self.begun = time.monotonic()
        self.said_at = self.begun
        self.moving = sys.stdout.isatty()

    def show(self, done: int, total: int) -> None:
        now = time.monotonic()
        if not self.moving and done < total and now - self.said_at < self.quiet_s:
            return
        self.said_at = now
        text = f"  {self.label}: {done} of {total}, {duration(now - self.begun)}"
        if self.moving:
            print(f"\r{text:<60}", end="" if done < total else "\n", flush=True)
        else:
            say(text)
