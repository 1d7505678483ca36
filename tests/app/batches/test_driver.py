"""The driver's thread: who is elected, and what happens to the others and afterwards."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.batches import driver as driver_module
from app.batches import remains as remains_module
from app.batches import seat
from app.batches.driver import NICENESS, Driver
from app.batches.remains import Remains
from tasks.connection import connect
from tasks.settings import QueueSettings
from tests.app.batches.mill import CHAT, EMBED, Mill, chat_line, embed_line
from tests.conftest import RedisServer


@pytest.fixture
def started(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Driver]]:
    """Starts drivers in threads; they are stopped in the end."""
    monkeypatch.setattr(seat, "TERM_S", 0.4)
    monkeypatch.setattr(seat, "RENEW_S", 0.1)
    monkeypatch.setattr(driver_module, "STAND_S", 0.02)
    monkeypatch.setattr(driver_module, "PAUSE_S", 0.05)
    running: list[tuple[Driver, threading.Thread]] = []

    def start(name: str, on: Mill = mill) -> Driver:
        driver = Driver(on.settings, on.client, on.celery, name, assemble=lambda *_: on.parts())
        thread = threading.Thread(target=driver.run, name=name, daemon=True)
        thread.start()
        running.append((driver, thread))
        return driver

    yield start
    for driver, thread in running:
        driver.stop()
        thread.join(5)


def until(is_so: Callable[[], Any], timeout_s: float = 10.0) -> None:
    """Wait until it is so."""
    give_up_at_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < give_up_at_s
        time.sleep(0.005)


def seat_of(mill: Mill) -> str:
    """Who is elected."""
    holder = mill.client.get(f"{mill.settings.key_prefix}:batch-driver")
    return holder.decode() if holder else ""


def test_batches_are_driven_to_their_end(mill: Mill, started: Callable[..., Driver]) -> None:
    """By a thread that nobody calls, in the order of what happens."""
    started("one")
    mill.ready(mill.embed)
    batch_id = mill.batch(EMBED, map(embed_line, range(3_000)))
    until(lambda: mill.worker.work(mill.embed) is None or mill.find(batch_id).ended)
    assert len(mill.output(batch_id).answers) == 3_000


def test_one_of_two_drives_and_the_other_follows(
    mill: Mill, started: Callable[..., Driver]
) -> None:
    """A keeper that ends leaves its batches to the other, within the term of the seat."""
    batch_id = mill.batch(CHAT, map(chat_line, range(5)))
    first = started("first")
    until(lambda: mill.find(batch_id).status == "in_progress")
    started("second")
    time.sleep(0.3)
    assert (seat_of(mill), mill.find(batch_id).status) == ("first", "in_progress")
    first.stop()
    until(lambda: seat_of(mill) == "second")
    until(lambda: mill.worker.work(mill.chat) is None or mill.find(batch_id).ended)
    assert len(mill.output(batch_id).answers) == 5


def test_the_end_of_a_job_is_heard_at_once(mill: Mill, started: Callable[..., Driver]) -> None:
    """The next line is with the worker long before a round is due by itself."""
    started("one")
    mill.batch(CHAT, map(chat_line, range(30)))
    until(lambda: mill.worker.work(mill.chat))
    began_s = time.monotonic()
    for _ in range(10):
        until(lambda: mill.worker.work(mill.chat))
    assert time.monotonic() - began_s < 10 * driver_module.NEWS_S / 2


def niceness(name: str) -> int:
    """Of the thread with this name."""
    [thread] = [each for each in threading.enumerate() if each.name == name]
    return os.getpriority(os.PRIO_PROCESS, thread.native_id or 0)


def test_the_thread_gives_way(mill: Mill, started: Callable[..., Driver]) -> None:
    """Its niceness is its own: the keeper's other threads keep theirs."""
    started("one")
    mine = os.getpriority(os.PRIO_PROCESS, 0)

    until(lambda: niceness("one") == max(NICENESS, mine))
    assert os.getpriority(os.PRIO_PROCESS, 0) == mine


def test_a_thread_takes_back_nothing_that_it_gave(
    mill: Mill, started: Callable[..., Driver]
) -> None:
    """Where all of the keeper gives way more, asking for less would be refused, and end it."""

    def start_nicely() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS + 5)
        started("one")

    thread = threading.Thread(target=start_nicely)
    thread.start()
    thread.join()
    mill.batch(CHAT, map(chat_line, range(1)))
    until(lambda: mill.worker.work(mill.chat))
    assert niceness("one") == NICENESS + 5


def test_redis_may_be_killed_and_come_back(
    mortal_redis: RedisServer, started: Callable[..., Driver], tmp_path: Path
) -> None:
    """The driver sits it out, and finds again what it had in hand."""
    settings = QueueSettings(queue_url=mortal_redis.url, key_prefix="mortal")
    client = connect(settings.queue_url, timeout_s=0.5)
    mill = Mill(client, settings, tmp_path / "store")
    started("one", mill)
    batch_id = mill.batch(CHAT, map(chat_line, range(20)))
    until(lambda: mill.worker.work(mill.chat, most=3))
    mortal_redis.kill()
    time.sleep(0.2)
    mortal_redis.start()
    until(lambda: mill.worker.work(mill.chat) is None or mill.find(batch_id).ended)
    found = mill.output(batch_id)
    assert set(found.times.values()) == {1}
    assert len(found.answers) == 20
    client.close()


def test_pieces_are_deleted_once_the_end_has_settled(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finished files stay, and so does what still may be needed."""
    batch_id = mill.batch(CHAT, map(chat_line, range(5)))
    driver = mill.driver()
    while not mill.find(batch_id).ended:
        driver.round()
        mill.worker.work(mill.chat)
    with mill.store.writer(f"batches/{batch_id}/1-1.output") as file:
        file.write(b"of a driver that died")
    remains = Remains(mill.client, mill.settings, mill.store)
    assert remains.clean() == []
    assert len(list(mill.store.names(f"batches/{batch_id}"))) > 1
    monkeypatch.setattr(remains_module, "SETTLED_S", 0.0)
    assert remains.clean() == [batch_id]
    assert list(mill.store.names(f"batches/{batch_id}")) == [f"batches/{batch_id}/output.jsonl"]
    assert remains.clean() == []
    assert len(mill.output(batch_id).answers) == 5
