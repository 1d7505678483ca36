"""Files and batches of the API, as far as this client reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import quote

import msgspec

from console.batches.server import Server

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
# The longest that the contract allows: results are wanted for days, uploads for no longer.
INPUT_KEPT_S = 30 * 86_400
_PAGE = 100


class Counts(msgspec.Struct, frozen=True):
    """Lines of a batch: all, and those that have ended."""

    total: int = 0
    completed: int = 0
    failed: int = 0


class LineError(msgspec.Struct, frozen=True):
    """What is wrong with the input of a batch that failed."""

    message: str = ""
    code: str | None = None
    line: int | None = None


class LineErrors(msgspec.Struct, frozen=True):
    """A list of them."""

    data: tuple[LineError, ...] = ()


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as the API shows it; times are seconds since the epoch."""

    id: str
    status: str
    endpoint: str = ""
    input_file_id: str = ""
    output_file_id: str | None = None
    error_file_id: str | None = None
    created_at: int = 0
    expires_at: int | None = None
    in_progress_at: int | None = None
    completed_at: int | None = None
    request_counts: Counts | None = None
    errors: LineErrors | None = None
    metadata: dict[str, str] | None = None
    model: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in ENDED

    @property
    def counts(self) -> Counts:
        """Its lines; zeros until its input is read."""
        return self.request_counts or Counts()

    @property
    def reasons(self) -> tuple[LineError, ...]:
        """Why it failed."""
        return self.errors.data if self.errors else ()


class _Page(msgspec.Struct, frozen=True):
    data: tuple[Batch, ...]
    has_more: bool = False


class _File(msgspec.Struct, frozen=True):
    id: str


class _Model(msgspec.Struct, frozen=True):
    id: str
    kind: str = ""


def upload(server: Server, file: BinaryIO, name: str) -> str:
    """The id of an uploaded input file. It goes by itself, a month later."""
    given = server.upload(
        "/v1/files",
        file,
        name,
        **{
            "purpose": "batch",
            "expires_after[anchor]": "created_at",
            "expires_after[seconds]": str(INPUT_KEPT_S),
        },
    )
    return msgspec.json.decode(given, type=_File).id


def create(
    server: Server, file_id: str, endpoint: str, window: str, metadata: Mapping[str, str]
) -> Batch:
    """A new batch; ``Doubtful`` where it is not known whether there is one now."""
    document = {
        "input_file_id": file_id,
        "endpoint": endpoint,
        "completion_window": window,
        "metadata": dict(metadata),
    }
    given = server.post("/v1/batches", document, twice=False)
    return msgspec.json.decode(given, type=Batch)


def find(server: Server, batch_id: str, *, patient: bool = True) -> Batch:
    """The batch as it stands."""
    return msgspec.json.decode(raw(server, batch_id, patient=patient), type=Batch)


def raw(server: Server, batch_id: str, *, patient: bool = True) -> bytes:
    """The batch as the API writes it."""
    return server.get(f"/v1/batches/{quote(batch_id, safe='')}", patient=patient)


def cancel(server: Server, batch_id: str) -> Batch:
    """The batch, which is being cancelled; asked twice it is cancelled once."""
    return msgspec.json.decode(
        server.post(f"/v1/batches/{quote(batch_id, safe='')}/cancel"), type=Batch
    )


def newest(server: Server) -> Iterator[Batch]:
    """One's batches, the newest first."""
    after: dict[str, Any] = {}
    while True:
        page = msgspec.json.decode(server.get("/v1/batches", limit=_PAGE, **after), type=_Page)
        yield from page.data
        if not page.has_more or not page.data:
            return
        after = {"after": page.data[-1].id}


def content(server: Server, file_id: str, into: BinaryIO) -> int:
    """Write a file's bytes to ``into``; how many."""
    return server.download(f"/v1/files/{quote(file_id, safe='')}/content", into)


def model_kind(server: Server, name: str) -> str:
    """``embed``, ``chat`` or ``multimodal``; '' where the server is one that does not say."""
    return msgspec.json.decode(server.get(f"/v1/models/{quote(name)}"), type=_Model).kind
