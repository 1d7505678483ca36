"""``millrace queues --watch``: the program itself, on a terminal and in a pipe."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.connection import connect
from tests.conftest import RedisServer
from tests.console.conftest import write_catalog

# Behind an "&" Ctrl-C is ignored from the start, and these tests are about what it does.
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
MILLRACE = (sys.executable, "-c", f"{HEARING}; from runner.cli import main; main()")
ROOT = Path(__file__).resolve().parents[2]


class Watch:
    """A running ``millrace queues --watch`` and everything that it has printed."""

    def __init__(self, folder: Path, url: str, *options: str, terminal: bool) -> None:
        self.seen = ""
        write_catalog(folder, "never-asked")
        self._end, theirs = os.openpty() if terminal else os.pipe()
        if terminal:
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
        named = {"MILLRACE_QUEUE_URL": url, "MILLRACE_KEY_PREFIX": "millrace", "TERM": "xterm"}
        self.process = subprocess.Popen(
            [*MILLRACE, "queues", "--watch", "--interval", "0.1", *options],
            cwd=folder,
            env={**os.environ, **named, "PYTHONPATH": str(ROOT)},
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def wait_for(self, text: str, timeout_s: float = 20.0) -> None:
        """Read until ``text`` is printed, anew; what was read is forgotten then."""
        give_up_at = time.monotonic() + timeout_s
        while text not in self.seen:
            assert time.monotonic() < give_up_at, f"no {text!r} in {self.seen[-2000:]!r}"
            if select.select([self._end], [], [], 0.1)[0]:
                self.seen += os.read(self._end, 65_536).decode()
        self.seen = self.seen.partition(text)[2]

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=10)

    def close(self) -> None:
        """Whatever happened."""
        self.process.kill()
        self.process.wait()
        os.close(self._end)


@pytest.fixture
def watched(mortal_redis: RedisServer, tmp_path: Path) -> Iterator[Watch]:
    """The live view, on a terminal."""
    watch = Watch(tmp_path, mortal_redis.url, terminal=True)
    yield watch
    watch.close()


def test_the_live_view_follows_what_changes(watched: Watch, mortal_redis: RedisServer) -> None:
    """In its place, and Ctrl-C ends it with status 0 and the cursor back."""
    watched.wait_for("chat.never-asked")
    client = connect(mortal_redis.url)
    client.sadd("millrace:queues", "chat.new")
    watched.wait_for("chat.new")
    client.set("millrace:keeper", "keeper@somewhere")
    watched.wait_for("keeper: keeper@somewhere")
    watched.wait_for("\x1b[1A")
    client.close()
    assert watched.interrupt() == 0
    watched.wait_for("\x1b[?25h")


def test_the_live_view_survives_redis(watched: Watch, mortal_redis: RedisServer) -> None:
    """It says how old its figures are, and goes on with new ones."""
    watched.wait_for("chat.never-asked")
    mortal_redis.kill()
    watched.wait_for("No answer from Redis for")
    watched.wait_for("chat.never-asked")
    mortal_redis.start()
    watched.wait_for("keeper: none")
    assert watched.process.poll() is None
    assert watched.interrupt() == 0


def test_a_watch_in_a_pipe_prints_again_and_again(
    mortal_redis: RedisServer, tmp_path: Path
) -> None:
    """Without a control sequence."""
    watch = Watch(tmp_path, mortal_redis.url, terminal=False)
    try:
        for _ in range(3):
            watch.wait_for("chat.never-asked")
            assert "\x1b" not in watch.seen
        mortal_redis.kill()
        watch.wait_for("No answer from Redis for")
        assert watch.interrupt() == 0
    finally:
        watch.close()


def test_a_watch_as_json_is_an_object_a_line(mortal_redis: RedisServer, tmp_path: Path) -> None:
    """While Redis answers."""
    watch = Watch(tmp_path, mortal_redis.url, "--json", terminal=False)
    try:
        watch.wait_for("\n")
        for _ in range(2):
            watch.wait_for("{")
            watch.seen = "{" + watch.seen
            while "\n" not in watch.seen:
                watch.seen += os.read(watch._end, 65_536).decode()
            line, _, watch.seen = watch.seen.partition("\n")
            assert json.loads(line)["queues"][0]["queue"] == "chat.never-asked"
        mortal_redis.kill()
        watch.wait_for("No answer from Redis for")
        mortal_redis.start()
        watch.wait_for('{"now_s"')
        assert watch.interrupt() == 0
    finally:
        watch.close()
