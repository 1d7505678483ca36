"""The book of batches, in the queue's Redis: who asked for what, and how far it is.

Clients' side: ``create``, ``find``, ``page``, ``cancel``. The driver's side: ``take`` a batch over,
then ``plan``, ``commit`` and ``advance`` it, each fenced by the epoch that ``take`` gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from app.batches.errors import BatchEnded, TakenOver, UnknownBatch
from app.batches.record import ENDED, BatchRecord, Commit, Order, Piece, Status
from tasks import scripts
from tasks.connection import Client, now_ms
from tasks.keys import Keys
from tasks.settings import QueueSettings

SCRIPTS = (
    *("create_batch", "cancel_batch", "take_batch", "advance_batch", "plan_batch"),
    "commit_batch",
)


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Some of an owner's batches, and whether there are more."""

    batches: tuple[BatchRecord, ...]
    has_more: bool


class Book:
    """Records of batches. Thread-safe, as its client is."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._redis = client
        self._keys = Keys(settings.key_prefix)
        self._scripts = {name: scripts.load(client, name, "app.batches") for name in SCRIPTS}

    # ---- the clients' side --------------------------------------------------------------

    def create(self, order: Order) -> bool:
        """Make the batch, which holds its input's bytes; False when the input is gone."""
        keys = self._keys
        return bool(
            self._scripts["create_batch"](
                [
                    keys.batch(order.id),
                    keys.batch_index(order.owner),
                    keys.open_batches,
                    keys.file(order.input_file_id),
                    keys.blob_uses(order.input_blob),
                    keys.batch_news,
                ],
                [order.id, msgspec.json.encode(order), "validating"],
            )
        )

    def find(self, batch_id: str, owner: str | None) -> BatchRecord:
        """The batch; ``UnknownBatch`` when there is none, or it is not ``owner``'s.

        None for ``owner`` stands for whoever runs the place.
        """
        [record] = self.many([batch_id])
        if record is None or owner not in (None, record.order.owner):
            raise UnknownBatch(
                f"There is no batch {batch_id!r}: it never was, or has been forgotten since its"
                " end.",
                param="batch_id",
            )
        return record

    def many(self, batch_ids: Sequence[str]) -> list[BatchRecord | None]:
        """The records of these batches, None for those without one."""
        pipe = self._redis.pipeline(transaction=False)
        for batch_id in batch_ids:
            pipe.hgetall(self._keys.batch(batch_id))
        rows = pipe.execute() if batch_ids else []
        return [_record(row) if row else None for row in rows]

    def page(self, owner: str, *, limit: int, after: str | None = None) -> BatchPage:
        """At most ``limit`` of an owner's batches, newest first, that follow ``after``."""
        index, bound = self._keys.batch_index(owner), f"({after}" if after else "+"
        ids = self._redis.zrevrangebylex(index, bound, "-", 0, limit + 1)
        found = self.many([batch_id.decode() for batch_id in ids[:limit]])
        return BatchPage(tuple(record for record in found if record), len(ids) > limit)

    def cancel(self, batch_id: str) -> None:
        """Ask for the batch to be cancelled; ``BatchEnded`` when it is too late.

        One that is being cancelled already is cancelled once.
        """
        keys = self._keys
        now_s = now_ms(self._redis) // 1000
        status = self._scripts["cancel_batch"]([keys.batch(batch_id), keys.batch_news], [now_s])
        had = cast(bytes, status).decode()
        if had == "finalizing" or (had in ENDED and had != "cancelled"):
            raise BatchEnded(
                f"The batch {batch_id!r} is {had}: it cannot be cancelled any more.",
                param="batch_id",
            )

    # ---- the driver's side --------------------------------------------------------------

    def open(self) -> list[str]:
        """Ids of the batches that have no end yet, oldest first."""
        return sorted(name.decode() for name in self._redis.smembers(self._keys.open_batches))

    def await_news(self, timeout_s: float) -> None:
        """Wait until something happened to a batch or one of its jobs, at most so long."""
        self._redis.blpop([self._keys.batch_news], timeout=timeout_s)

    def take(self, batch_id: str) -> BatchRecord:
        """Take the batch over: from now on nobody else changes it.

        ``UnknownBatch``, and ``TakenOver`` by somebody who came a moment later.
        """
        keys = self._keys
        epoch = self._scripts["take_batch"]([keys.batch(batch_id), keys.open_batches], [batch_id])
        if not epoch:
            raise UnknownBatch(f"There is no open batch {batch_id!r}.")
        record = self.find(batch_id, None)
        if record.epoch != epoch:
            # Who stood still between the two would work under the epoch of the other.
            raise TakenOver(f"the batch {batch_id!r} was taken over by another driver")
        return record

    def pieces(self, batch_id: str) -> dict[str, Piece]:
        """What is planned and not committed: job ids, and the lines that each computes."""
        rows = self._redis.hgetall(self._keys.batch_plan(batch_id))
        return {
            job_id.decode(): msgspec.msgpack.decode(piece, type=Piece)
            for job_id, piece in rows.items()
        }

    def plan(
        self, record: BatchRecord, pieces: Mapping[str, Piece], cursor: int, offset: int
    ) -> None:
        """Give the lines up to ``cursor``, which ends at byte ``offset``, to jobs; ``TakenOver``.

        ``record`` is the batch as this driver knows it: its epoch, and the cursor before.
        """
        keys = self._keys
        self._fenced(
            "plan_batch",
            [keys.batch(record.id), keys.batch_plan(record.id)],
            [record.epoch, record.cursor, cursor, offset, *_flat(pieces)],
        )

    def commit(self, record: BatchRecord, commit: Commit) -> None:
        """Count what was stored; ``TakenOver``."""
        keys, batch_id = self._keys, record.id
        self._fenced(
            "commit_batch",
            [
                keys.batch(batch_id),
                keys.batch_plan(batch_id),
                keys.batch_output(batch_id),
                keys.batch_errors(batch_id),
                keys.job(""),
                keys.log(""),
                keys.ended,
                keys.dead,
            ],
            [
                record.epoch,
                commit.output,
                commit.errors,
                commit.completed,
                commit.failed,
                commit.prompt_tokens,
                commit.completion_tokens,
                commit.cached_tokens,
                len(commit.jobs),
                record.order.owner,
                *commit.jobs,
                *_flat(commit.again),
            ],
        )

    def advance(
        self, record: BatchRecord, status: Status, *, forget_at_s: int = 0, **fields: Any
    ) -> BatchRecord:
        """Bring the batch from the status in ``record`` to another; as it is then; ``TakenOver``.

        With ``forget_at_s`` it has ended: its input is let go, and its webhook is due. ``fields``
        are those of ``BatchRecord``, None for those that stay unset.
        """
        keys, order = self._keys, record.order
        given = {name: value for name, value in fields.items() if value is not None}
        flat = [part for name, value in given.items() for part in (name, _written(value))]
        self._fenced(
            "advance_batch",
            [
                keys.batch(record.id),
                keys.open_batches,
                keys.ended_batches,
                keys.blob_uses(order.input_blob),
                keys.free_blobs,
                keys.webhooks,
                keys.batch_plan(record.id),
            ],
            [
                *[record.id, record.epoch, record.status, status, forget_at_s],
                *[order.input_blob, order.webhook_url, *flat],
            ],
        )
        return self.find(record.id, None)

    def output(self, batch_id: str) -> tuple[list[str], list[str]]:
        """Names of the committed pieces, in order: of the output, and of the errors."""
        keys = self._keys
        pipe = self._redis.pipeline(transaction=False)
        pipe.lrange(keys.batch_output(batch_id), 0, -1)
        pipe.lrange(keys.batch_errors(batch_id), 0, -1)
        output, errors = pipe.execute()
        return [name.decode() for name in output], [name.decode() for name in errors]

    def forget_due(self, now_s: float, most: int) -> int:
        """Forget batches that ended long ago, at most so many; how many."""
        keys = self._keys
        ids = self._redis.zrangebyscore(keys.ended_batches, "-inf", now_s, 0, most)
        for batch_id, record in zip(ids, self.many([each.decode() for each in ids]), strict=True):
            name = batch_id.decode()
            pipe = self._redis.pipeline(transaction=True)
            if record is not None:
                pipe.zrem(keys.batch_index(record.order.owner), name)
            pipe.delete(keys.batch(name), keys.batch_output(name), keys.batch_errors(name))
            pipe.zrem(keys.ended_batches, name)
            pipe.execute()
        return len(ids)

    def _fenced(self, script: str, keys: list[str], arguments: list[Any]) -> None:
        if not self._scripts[script](keys, arguments):
            raise TakenOver(f"{script}: the batch is not this driver's as it was")


def _flat(pieces: Mapping[str, Piece]) -> list[Any]:
    return [
        part for job_id, piece in pieces.items() for part in (job_id, msgspec.msgpack.encode(piece))
    ]


def _written(value: Any) -> str | bytes | int:
    if isinstance(value, str | int):
        return value
    return msgspec.json.encode(value)


def _record(row: Mapping[bytes, bytes]) -> BatchRecord:
    given: dict[str, Any] = {name.decode(): value.decode() for name, value in row.items()}
    for name in ("order", "errors"):
        if name in given:
            given[name] = msgspec.json.decode(given[name])
    # Numbers are text in Redis; what a newer release added is skipped.
    return msgspec.convert(given, BatchRecord, strict=False)
