"""The register: files by owner, in the queue's Redis. Their bytes are the store's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from app.files.errors import UnknownFile
from app.files.record import FileRecord, Purpose, upload_blob
from tasks import scripts
from tasks.connection import Client
from tasks.keys import Keys
from tasks.settings import QueueSettings

# Most ids looked at in one call when only some purpose is asked for.
_STRETCH = 200


@dataclass(frozen=True, slots=True)
class FilePage:
    """Some of an owner's files, and whether there are more."""

    files: tuple[FileRecord, ...]
    has_more: bool


class Register:
    """Records of files. Thread-safe, as its client is."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._redis = client
        self._keys = Keys(settings.key_prefix)
        self._delete = scripts.load(client, "delete_file", "app.files")
        self._abandon = scripts.load(client, "abandon_upload", "app.files")

    def announce(self, file_id: str, until_s: float) -> None:
        """Say that bytes are about to be stored for a file that is ``add``ed afterwards.

        If it is not until then, its process was killed in between: the bytes are free.
        """
        self._redis.zadd(self._keys.expiring_files, {file_id: until_s})

    def add(self, record: FileRecord) -> None:
        """Register a file whose bytes are stored; once more with the same id replaces it."""
        keys = self._keys
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(keys.file(record.id), "record", msgspec.json.encode(record))
        pipe.zadd(keys.file_index(record.owner), {record.id: 0})
        pipe.sadd(keys.blob_uses(record.blob), record.id)
        pipe.srem(keys.free_blobs, record.blob)
        if record.expires_at is None:
            pipe.zrem(keys.expiring_files, record.id)
        else:
            pipe.zadd(keys.expiring_files, {record.id: record.expires_at})
        pipe.execute()

    def find(self, file_id: str, owner: str | None) -> FileRecord:
        """The file; ``UnknownFile`` when there is none, or it is not ``owner``'s.

        None for ``owner`` stands for whoever runs the place.
        """
        [record] = self._many([file_id])
        if record is None or owner not in (None, record.owner):
            raise UnknownFile(
                f"There is no file {file_id!r}: it never was, was deleted, or has expired.",
                param="file_id",
            )
        return record

    def page(
        self,
        owner: str,
        *,
        limit: int,
        after: str | None = None,
        newest_first: bool = True,
        purpose: Purpose | None = None,
    ) -> FilePage:
        """At most ``limit`` of an owner's files that follow ``after``, of one purpose or any."""
        index = self._keys.file_index(owner)
        bound = after
        found: list[FileRecord] = []
        while len(found) <= limit:
            if newest_first:
                start = f"({bound}" if bound else "+"
                ids = self._redis.zrevrangebylex(index, start, "-", 0, _STRETCH)
            else:
                start = f"({bound}" if bound else "-"
                ids = self._redis.zrangebylex(index, start, "+", 0, _STRETCH)
            names = [file_id.decode() for file_id in ids]
            found += [
                record
                for record in self._many(names)
                if record is not None and purpose in (None, record.purpose)
            ]
            if len(names) < _STRETCH:
                break
            bound = names[-1]
        return FilePage(tuple(found[:limit]), len(found) > limit)

    def delete(self, record: FileRecord) -> bool:
        """Forget a file; whether it was there. Its bytes go when nobody else needs them."""
        keys = self._keys
        return bool(
            self._delete(
                [
                    keys.file(record.id),
                    keys.file_index(record.owner),
                    keys.expiring_files,
                    keys.blob_uses(record.blob),
                    keys.free_blobs,
                ],
                [record.id, record.blob],
            )
        )

    def expired(self, now_s: float, most: int) -> list[FileRecord]:
        """Files whose time is over, at most so many; announced ones that never came are freed."""
        found = self._redis.zrangebyscore(self._keys.expiring_files, "-inf", now_s, 0, most)
        ids, keys, records = [file_id.decode() for file_id in found], self._keys, []
        for file_id, record in zip(ids, self._many(ids), strict=True):
            if record is None:
                blob = upload_blob(file_id)
                touched = [keys.file(file_id), keys.expiring_files, keys.blob_uses(blob)]
                self._abandon([*touched, keys.free_blobs], [file_id, blob])
            else:
                records.append(record)
        return records

    def free_blobs(self, most: int) -> list[str]:
        """Names of stored bytes that nobody needs any more; ``forget_blob`` once they are gone."""
        return [name.decode() for name in self._redis.srandmember(self._keys.free_blobs, most)]

    def forget_blob(self, blob: str) -> None:
        """The bytes are deleted."""
        self._redis.srem(self._keys.free_blobs, blob)

    def _many(self, file_ids: Sequence[str]) -> list[FileRecord | None]:
        pipe = self._redis.pipeline(transaction=False)
        for file_id in file_ids:
            pipe.hget(self._keys.file(file_id), "record")
        rows = pipe.execute() if file_ids else []
        return [None if row is None else msgspec.json.decode(row, type=FileRecord) for row in rows]
