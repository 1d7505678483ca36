"""``millrace queues --watch``: the program itself, on a terminal and in a pipe."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.connection import connect
from tests.conftest import RedisServer
from tests.console.conftest import write_catalog
from tests.console.terminal import Terminal

# Behind an "&" Ctrl-C is ignored from the start, and these tests are about what it does.
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
MILLRACE = (sys.executable, "-c", f"{HEARING}; from runner.cli import main; main()")
ROOT = Path(__file__).resolve().parents[2]


def started(folder: Path, url: str, *options: str, terminal: bool) -> Terminal:
    """A running ``millrace queues --watch``."""
    write_catalog(folder, "never-asked")
    named = {"MILLRACE_QUEUE_URL": url, "MILLRACE_KEY_PREFIX": "millrace"}
    return Terminal(
        [*MILLRACE, "queues", "--watch", "--interval", "0.1", *options],
        cwd=folder,
        env={**os.environ, **named, "PYTHONPATH": str(ROOT)},
        width=120 if terminal else None,
    )


@pytest.fixture
def watched(mortal_redis: RedisServer, tmp_path: Path) -> Iterator[Terminal]:
    """The live view, on a terminal."""
    watch = started(tmp_path, mortal_redis.url, terminal=True)
    yield watch
    watch.close()


def test_the_live_view_follows_what_changes(watched: Terminal, mortal_redis: RedisServer) -> None:
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


def test_the_live_view_survives_redis(watched: Terminal, mortal_redis: RedisServer) -> None:
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
    watch = started(tmp_path, mortal_redis.url, terminal=False)
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
    watch = started(tmp_path, mortal_redis.url, "--json", terminal=False)
    try:
        watch.wait_for("\n")
        for _ in range(2):
            watch.wait_for("{")
            watch.seen = "{" + watch.seen
            while "\n" not in watch.seen:
                watch.seen += watch.read()
            line, _, watch.seen = watch.seen.partition("\n")
            assert json.loads(line)["queues"][0]["queue"] == "chat.never-asked"
        mortal_redis.kill()
        watch.wait_for("No answer from Redis for")
        mortal_redis.start()
        watch.wait_for('{"now_s"')
        assert watch.interrupt() == 0
    finally:
        watch.close()
