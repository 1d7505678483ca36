"""Stores that are slow, or take nothing: nobody else may suffer from them for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from app.batches import driver as driver_module
from app.batches import seat
from app.batches.driver import Driver
from app.files.errors import StoreUnavailable
from app.files.folder import FolderStore
from tests.app.batches.mill import CHAT, Mill, chat_line


class SlowStore(FolderStore):
    """Takes its time for every blob, as one behind a network does for a large one."""

    slow_s = 0.0
    stored = 0

    @contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        """A file that is stored a while after its last byte."""
        self.stored += 1
        with super().writer(name) as file:
            yield file
            time.sleep(self.slow_s)


class FullStore(FolderStore):
    """Takes nothing."""

    @contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        """No file."""
        raise StoreUnavailable("The disk is full.")
        yield


def test_a_store_that_takes_nothing_is_given_nothing_more(mill: Mill, tmp_path: Path) -> None:
    """Results wait in Redis's memory, which interactive requests need."""
    mill.ready(mill.chat, slots=8)
    batch_id = mill.batch(CHAT, map(chat_line, range(300)))
    driver = mill.driver(mill.parts(store=FullStore(tmp_path)))
    for _ in range(20):
        with suppress(StoreUnavailable):
            driver.round()
            driver.round()
        # As the driver does with every store that does not answer.
        driver.forget()
        mill.worker.work(mill.chat)
    pieces = list(mill.book.pieces(batch_id))
    records = mill.parts().gateway.records.many(pieces)
    ended = [record for record in records if record is not None and record.final]
    assert 0 < len(ended) <= 12


def test_what_an_earlier_driver_left_is_kept_and_the_batch_goes_on(mill: Mill) -> None:
    """Once the store takes something again."""
    mill.ready(mill.chat, slots=8)
    batch_id = mill.batch(CHAT, map(chat_line, range(40)))
    for _ in range(30):
        driver = mill.driver()
        driver.round()
        driver.round()
        driver.forget()
        mill.worker.work(mill.chat)
    found = mill.output(batch_id)
    assert (found.record.status, len(found.answers)) == ("completed", 40)


def test_two_keepers_finish_what_takes_longer_than_a_term(
    mill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither takes the batch from the other for as long as that works on it."""
    monkeypatch.setattr(seat, "TERM_S", 0.3)
    monkeypatch.setattr(seat, "RENEW_S", 0.1)
    monkeypatch.setattr(driver_module, "STAND_S", 0.05)
    store = SlowStore(tmp_path)
    store.slow_s = 0.7
    mill.ready(mill.chat, slots=8)
    batch_id = mill.batch(CHAT, map(chat_line, range(5)))

    uploaded = store.stored

    def assemble(*_: Any) -> Any:
        return mill.parts(store=store)

    drivers = [
        Driver(mill.settings, mill.client, mill.celery, name, assemble=assemble)
        for name in ("first", "second")
    ]
    threads = [threading.Thread(target=each.run, daemon=True) for each in drivers]
    for thread in threads:
        thread.start()
    try:
        give_up_at_s = time.monotonic() + 15
        while not mill.find(batch_id).ended and time.monotonic() < give_up_at_s:
            mill.worker.work(mill.chat)
            time.sleep(0.05)
    finally:
        for each in drivers:
            each.stop()
        for thread in threads:
            thread.join(10)
    # One piece, and the file that it makes.
    assert (mill.find(batch_id).status, store.stored - uploaded) == ("completed", 2)
