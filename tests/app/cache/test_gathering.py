"""What is asked at the same moment goes as one message."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import redis

from app.cache.gathering import MOST_COMMANDS, Gathering
from app.cache.links import Command

ROOT = Path(__file__).resolve().parents[3]
# As in the API: greenlets in the place of threads. Prints the sizes of the messages, and whether
# everybody had the answers to what it asked.
GREENLETS = """
from gevent import monkey
monkey.patch_all()
import json, sys, gevent
from app.cache.gathering import Gathering
sizes, number, kill = [], int(sys.argv[1]), len(sys.argv) > 2
def ask(commands):
    sizes.append(len(commands))
    gevent.sleep(0.05)
    return [command[1].upper() for command in commands]
gathering = Gathering(ask)
def one(name):
    other = name + "b"
    return gathering.ask([("GET", name), ("GET", other)]) == [name.upper(), other.upper()]
asking = [gevent.spawn(one, f"k{each}") for each in range(number)]
if kill:
    gevent.sleep(0.01)
    asking.pop(0).kill()
gevent.joinall(asking)
print(json.dumps([sizes, [each.value for each in asking]]))
"""


def by_greenlets(number: int, *arguments: str) -> tuple[list[int], list[bool]]:
    """The sizes of the messages when so many greenlets ask two things each, and what they got."""
    done = subprocess.run(
        [sys.executable, "-c", GREENLETS, str(number), *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    sizes, right = json.loads(done.stdout)
    return sizes, right


def test_what_greenlets_ask_at_once_is_one_message() -> None:
    """And each has the answers to its own commands."""
    assert by_greenlets(5) == ([10], [True] * 5)


def test_many_are_several_messages() -> None:
    """None is much larger than was set."""
    sizes, right = by_greenlets(50)
    assert sum(sizes) == 100
    assert max(sizes) <= MOST_COMMANDS + 1
    assert all(right)


def test_who_sends_may_be_ended_and_the_others_have_their_answers() -> None:
    """They ask for themselves."""
    sizes, right = by_greenlets(4, "kill")
    assert sizes == [8, 2, 2, 2]
    assert right == [True] * 3


def test_threads_have_each_their_own_answers() -> None:
    """Also when they come while a message is on its way."""
    gathering = Gathering(lambda commands: [command[1] for command in commands])
    wrong: list[Any] = []

    def ask(thread: int) -> None:
        for number in range(300):
            commands: Sequence[Command] = [("GET", thread), ("GET", number)]
            if (answers := gathering.ask(commands)) != [thread, number]:
                wrong.append(answers)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []


def test_a_failure_is_everybodys_and_over_with_its_message() -> None:
    """The next message goes out as if nothing had been."""
    fails = [True]

    def ask(commands: Sequence[Command]) -> list[Any]:
        if fails:
            fails.pop()
            raise redis.TimeoutError("no answer")
        return [b"there" for _ in commands]

    gathering = Gathering(ask)
    with pytest.raises(redis.TimeoutError):
        gathering.ask([("GET", "k")])
    assert gathering.ask([("GET", "k")]) == [b"there"]
