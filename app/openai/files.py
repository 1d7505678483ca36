"""Files: what an upload's form and a list's query ask for, and the objects that are answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

import msgspec

from app.files.record import UPLOADED, FileRecord, Purpose
from app.files.register import FilePage
from app.openai.errors import BadRequest
from app.openai.paging import NUMBER, limit_of, newest_first_of

DEFAULT_LIMIT = 10_000
MAX_LIMIT = 10_000
LEAST_EXPIRY_S, MOST_EXPIRY_S = 3_600, 2_592_000
FILENAME_CHARACTERS = 255

_PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
# Line breaks and the like, which have no place in a header.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class UploadOrder(msgspec.Struct, frozen=True):
    """What a file is uploaded as; ``expires_after_s`` is None unless the client says when."""

    filename: str
    purpose: Purpose
    expires_after_s: int | None


class FileQuery(msgspec.Struct, frozen=True):
    """One page of files: at most ``limit`` of a purpose that follow the file ``after``."""

    purpose: Purpose | None
    limit: int
    after: str | None
    newest_first: bool


class FileBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """OpenAI's file object."""

    id: str
    object: str
    bytes: int
    created_at: int
    filename: str
    purpose: Purpose
    status: str
    expires_at: int | None = None


class DeletedFile(msgspec.Struct, frozen=True):
    """What is answered once a file is deleted."""

    id: str
    object: str
    deleted: bool


class FileList(msgspec.Struct, frozen=True):
    """One page of files; ``last_id`` is what the next one follows."""

    object: str
    data: list[FileBody]
    first_id: str | None
    last_id: str | None
    has_more: bool


_encode = msgspec.json.Encoder().encode


def parse_upload(fields: Mapping[str, str], filename: str | None) -> UploadOrder:
    """The upload that a form asks for; ``BadRequest`` names what is wrong with it."""
    if filename is None:
        raise BadRequest(
            "'file' is missing: a part with that name and a filename, which holds the file.",
            param="file",
            code="missing_required_parameter",
        )
    return UploadOrder(_filename(filename), _uploaded(fields), _expiry_s(fields))


def parse_file_query(query: Mapping[str, str]) -> FileQuery:
    """The page that ``query`` asks for; ``BadRequest`` names what is wrong with it."""
    purpose = query.get("purpose")
    if purpose is not None and purpose not in _PURPOSES:
        raise _wrong_purpose(purpose, _PURPOSES)
    return FileQuery(
        purpose,
        limit_of(query.get("limit"), default=DEFAULT_LIMIT, most=MAX_LIMIT),
        query.get("after"),
        newest_first_of(query.get("order")),
    )


def unknown_after(file_id: str) -> BadRequest:
    """The refusal of a page that is to follow a file which is not there."""
    return BadRequest(
        f"There is no file {file_id!r} to go on after: it never was, was deleted, or has expired."
        " Begin without 'after'.",
        param="after",
    )


def file_body(record: FileRecord) -> bytes:
    """The file object."""
    return _encode(_body(record))


def deleted_body(file_id: str) -> bytes:
    """What is answered once a file is deleted."""
    return _encode(DeletedFile(file_id, "file", True))


def list_body(page: FilePage) -> bytes:
    """One page of files."""
    data = [_body(record) for record in page.files]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return _encode(FileList("list", data, first, last, page.has_more))


def _body(record: FileRecord) -> FileBody:
    return FileBody(
        record.id,
        "file",
        record.bytes,
        record.created_at,
        record.filename,
        record.purpose,
        "processed",
        record.expires_at,
    )


def _filename(given: str) -> str:
    # Some clients send the path on their own machine, which is nobody's business.
    name = _CONTROL.sub("", re.split(r"[/\\]", given)[-1]).strip()
    if not name:
        raise BadRequest("The file has no name: give its part a 'filename'.", param="file")
    return name[:FILENAME_CHARACTERS]


def _uploaded(fields: Mapping[str, str]) -> Purpose:
    given = fields.get("purpose")
    if given is None:
        raise BadRequest(
            f"'purpose' is missing: one of {', '.join(UPLOADED)}.",
            param="purpose",
            code="missing_required_parameter",
        )
    if given not in UPLOADED:
        raise _wrong_purpose(given, UPLOADED)
    return given


def _wrong_purpose(given: str, allowed: tuple[Purpose, ...]) -> BadRequest:
    return BadRequest(
        f"'purpose' must be one of {', '.join(allowed)}, not {given[:100]!r}.", param="purpose"
    )


def _expiry_s(fields: Mapping[str, str]) -> int | None:
    anchor, given = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and given is None:
        return None
    if anchor != "created_at":
        raise BadRequest(
            "'expires_after[anchor]' must be created_at.", param="expires_after[anchor]"
        )
    seconds = int(given) if given is not None and NUMBER.fullmatch(given) else 0
    if not LEAST_EXPIRY_S <= seconds <= MOST_EXPIRY_S:
        raise BadRequest(
            "'expires_after[seconds]' must be an integer from"
            f" {LEAST_EXPIRY_S} to {MOST_EXPIRY_S}.",
            param="expires_after[seconds]",
        )
    return seconds
