"""What a batch must not leave behind is found where it would lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.leftovers import Leftovers
from tasks.connection import Client
from tasks.keys import Keys
from tasks.settings import QueueSettings

BATCH = "batch_1"


@pytest.fixture
def keys(settings: QueueSettings) -> Keys:
    """The names of what lies in Redis."""
    return Keys(settings.key_prefix)


def test_what_was_there_before_is_not_left_over(client: Client, keys: Keys, tmp_path: Path) -> None:
    """Other trials' jobs are kept for an hour."""
    client.hset(keys.job("old"), "state", "done")
    left = Leftovers(client, keys, tmp_path)
    assert left.keys(BATCH) == []
    client.hset(keys.job("new"), "state", "done")
    client.xadd(keys.log("new"), {"e": b"x"})
    assert left.keys(BATCH) == [keys.job("new"), keys.log("new")]


def test_a_plan_and_an_open_batch_are_left_over(client: Client, keys: Keys, tmp_path: Path) -> None:
    """Somebody would take them up again."""
    left = Leftovers(client, keys, tmp_path)
    client.hset(keys.batch_plan(BATCH), "job", b"lines")
    client.sadd(keys.open_batches, BATCH)
    client.zadd(keys.open, {"job": 1})
    assert len(left.keys(BATCH)) == 3


def test_pieces_are_left_over_and_files_are_not(client: Client, keys: Keys, tmp_path: Path) -> None:
    """Neither are those of others, nor what is in the making."""
    for name in (
        f"batches/{BATCH}/output.jsonl",
        f"batches/{BATCH}/2-7.output",
        "batches/batch_2/1-1.output",
        ".staging/abc",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    left = Leftovers(client, keys, tmp_path)
    assert left.pieces(BATCH) == [f"batches/{BATCH}/2-7.output"]
