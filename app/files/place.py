"""Where files are: their records and their bytes, put together once per application."""

from __future__ import annotations

import time
from contextlib import suppress

from app.files.blobs import store_of
from app.files.record import FileRecord, Purpose, new_file_id, upload_blob
from app.files.register import Register
from app.files.staging import STALE_S
from app.settings import ApiSettings
from tasks.connection import Client


class Files:
    """What the routes of files work with."""

    def __init__(self, settings: ApiSettings, client: Client) -> None:
        self.settings = settings
        self.register = Register(client, settings)
        self.store = store_of(settings)
        # The sweeper may run on another machine. Without files all else is served.
        with suppress(OSError):
            self.store.staging.tidy()

    def add(
        self,
        path: str,
        *,
        owner: str,
        filename: str,
        purpose: Purpose,
        size_bytes: int,
        expires_after_s: int | None,
    ) -> FileRecord:
        """Take over a local file as a new one of ``owner``'s."""
        created_at, file_id = int(time.time()), new_file_id()
        if expires_after_s is None and purpose == "batch":
            expires_after_s = self.settings.batch_ttl_s
        record = FileRecord(
            id=file_id,
            owner=owner,
            filename=filename,
            purpose=purpose,
            bytes=size_bytes,
            created_at=created_at,
            blob=upload_blob(file_id),
            expires_at=None if expires_after_s is None else created_at + expires_after_s,
        )
        self.register.announce(file_id, created_at + STALE_S)
        self.store.adopt(path, record.blob)
        # Should this fail, the record may be there all the same: the bytes stay for now.
        self.register.add(record)
        return record
