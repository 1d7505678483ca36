"""Batches as clients make them: what is asked for, checked against their files, into the book."""

from __future__ import annotations

from app.batches.book import Book
from app.batches.record import BatchRecord, Order, new_batch_id
from app.files.errors import UnknownFile
from app.files.record import FileRecord
from app.files.register import Register
from app.openai.batches import BatchAsked
from app.openai.errors import BadRequest
from app.outbound.address import AllowedHosts
from app.settings import ApiSettings
from app.webhooks.check import WEBHOOK_HOSTS, check_webhook_url
from tasks.connection import Client, now_ms

_INPUT = "input_file_id"


class Batches:
    """What the routes of ``/v1/batches`` work with: one per application."""

    def __init__(self, settings: ApiSettings, client: Client) -> None:
        self.book = Book(client, settings)
        self._register = Register(client, settings)
        self._settings = settings
        self._redis = client

    def make(self, asked: BatchAsked, owner: str, models: tuple[str, ...] = ()) -> BatchRecord:
        """A new batch; ``BadRequest`` when its input cannot be one, or nobody can be told.

        Lines that name other models than ``models`` are refused when the input is read.
        """
        self._check_webhook(asked)
        order = self._order(asked, self._input(asked.input_file_id, owner), owner, models)
        if not self.book.create(order):
            raise _unknown(asked.input_file_id)
        return self.book.find(order.id, owner)

    def _check_webhook(self, asked: BatchAsked) -> None:
        if asked.webhook_url is not None:
            check_webhook_url(
                asked.webhook_url,
                signs=self._settings.webhook_key is not None,
                allowed=AllowedHosts.parse(WEBHOOK_HOSTS, self._settings.webhook_hosts),
                instead="for the batch at /v1/batches/{id}",
            )

    def _input(self, file_id: str, owner: str) -> FileRecord:
        try:
            record = self._register.find(file_id, owner)
        except UnknownFile:
            raise _unknown(file_id) from None
        if record.purpose != "batch":
            raise BadRequest(
                f"The file {file_id!r} was uploaded with the purpose {record.purpose}: upload it"
                " again with the purpose batch.",
                param=_INPUT,
                code="invalid_file_purpose",
            )
        most = self._settings.batch_file_limit_bytes
        if record.bytes > most:
            raise BadRequest(
                f"The file {file_id!r} has {record.bytes} bytes; the input of a batch may have"
                f" {most} at most. Upload it in several files.",
                param=_INPUT,
                code="file_too_large",
            )
        return record

    def _order(
        self, asked: BatchAsked, file: FileRecord, owner: str, models: tuple[str, ...]
    ) -> Order:
        # By Redis's clock, as everything that the driver compares it with.
        created_at = now_ms(self._redis) // 1000
        return Order(
            id=new_batch_id(),
            owner=owner,
            endpoint=asked.endpoint,
            input_file_id=file.id,
            input_blob=file.blob,
            completion_window=asked.completion_window,
            created_at=created_at,
            expires_at=created_at + asked.window_s,
            metadata=asked.metadata,
            webhook_url=asked.webhook_url or "",
            output_ttl_s=asked.output_ttl_s or self._settings.batch_ttl_s,
            models=models,
        )


def _unknown(file_id: str) -> BadRequest:
    # OpenAI's answer is a 400 too: the URL that was asked for is there.
    return BadRequest(
        f"There is no file {file_id[:100]!r}: it never was, was deleted, or has expired. Upload it"
        " with the purpose batch.",
        param=_INPUT,
        code=UnknownFile.code,
    )
