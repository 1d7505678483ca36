"""What stores raise, and what it is to us: one table.

No path, URL or credential goes into a message: clients read them.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from app.files.errors import StoreUnavailable, UnknownFile
from tasks.errors import TaskError

log = structlog.get_logger(__name__)

_FULL = "The disk is full."
_REFUSED = "The store of files may not be used: its server lacks a right."
_AWAY = "The store of files does not answer."
_NOWHERE = "The place that the setting files_url names does not exist."

_MISSING = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
_BY_NUMBER = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "The store of files takes no file of this size.",
    errno.EROFS: "The store of files is read-only.",
    errno.EACCES: _REFUSED,
    errno.EPERM: _REFUSED,
}
# Codes of S3, AWS's own and those of others that speak it.
_BY_CODE = {
    "NoSuchBucket": _NOWHERE,
    "XMinioStorageFull": _FULL,
    "QuotaExceeded": _FULL,
}


def told(error: Exception, *, reads: bool = False) -> TaskError:
    """The error that clients are told in the place of a store's; ``reads``: by one who reads."""
    if isinstance(error, TaskError):
        return error
    code = _code(error)
    missing = isinstance(error, _MISSING)
    if missing and reads and code not in _BY_CODE:
        return UnknownFile("The file's bytes are not there any more.", param="file_id")
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, PermissionError):
        number = errno.EACCES
    default = _NOWHERE if missing else _AWAY
    message = _BY_CODE.get(code) or _BY_NUMBER.get(number or 0, default)
    log.warning("a store failed", said=message, error=repr(error), code=code)
    return StoreUnavailable(message)


@contextmanager
def translated(kinds: type[Exception] = OSError, *, reads: bool = False) -> Iterator[None]:
    """Raise the table's error for every error of these ``kinds`` in the block."""
    try:
        yield
    except kinds as error:
        raise told(error, reads=reads) from error


def _code(error: Exception) -> str:
    """S3's own word for what is wrong, of which s3fs makes an error of Python."""
    response: Any = getattr(error.__cause__ or error, "response", None)
    return str(response["Error"].get("Code", "")) if isinstance(response, dict) else ""
