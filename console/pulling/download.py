"""Fetching a file's content: it goes on where an earlier attempt ended, now or days later.

The hub's library does not (2.4.0): within one call it asks again from where the connection broke,
less up to 10 MiB that it had not written, five times a second apart; after that it deletes what it
has, and the next call begins at the first byte.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Protocol

import httpx2
from huggingface_hub import constants
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    get_session,
    hf_raise_for_status,
)

from console.pulling.hub import PASSING, PAUSES_S
from console.pulling.hub_files import NotFetched, Remote
from console.wording import counted, size, span

_PARTIAL_CONTENT, _RANGE_REFUSED = 206, 416


class Progress(Protocol):
    """Who is told how far it is."""

    def begin(self, what: str, done: int, total: int | None) -> None:
        """``what`` begins, or begins again, at ``done`` of ``total`` bytes."""

    def advance(self, number_bytes: int) -> None:
        """So many bytes more."""

    def note(self, line: str) -> None:
        """Something that a person may want to know."""


class _Broken(Exception):
    """Raised when an attempt ended early and another may go on."""


def download(remote: Remote, progress: Progress) -> None:
    """Bring all of the content into ``remote.partial``; raises ``NotFetched``.

    What there is of it stays whatever happens.
    """
    _check_room(remote)
    failures = 0
    while True:
        before = _length(remote.partial)
        try:
            _go_on(remote, progress)
            return
        except _Broken as error:
            now = _length(remote.partial)
            failures = 0 if now > before else failures
            if failures == len(PAUSES_S):
                raise NotFetched(_given_up(remote, error, now)) from error
            pause_s = PAUSES_S[failures]
            failures += 1
            progress.note(f"{remote.of}: {error} at {size(now)}; it goes on in {span(pause_s)}")
            time.sleep(pause_s)


def _go_on(remote: Remote, progress: Progress) -> None:
    """One attempt, from the end of what there is."""
    start = _length(remote.partial)
    if remote.size is not None and start >= remote.size:
        if start == remote.size:
            return
        remote.partial.unlink()
        start = 0
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        # Its client drops the token by itself where a redirect leads away from the hub.
        with get_session().stream(
            *("GET", remote.url),
            headers=headers,
            timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
            follow_redirects=True,
        ) as response:
            _check_status(remote, response)
            _take(remote, response, start, progress)
    except httpx2.TransportError as error:
        raise _Broken(str(error) or type(error).__name__) from error
    if remote.size is not None and _length(remote.partial) < remote.size:
        raise _Broken("the connection was closed")


def _check_status(remote: Remote, response: httpx2.Response) -> None:
    status = response.status_code
    if status == _RANGE_REFUSED:
        remote.partial.unlink(missing_ok=True)
        raise _Broken("the hub has no such range")
    if status in PASSING:
        raise _Broken(f"the hub answered with status {status}")
    hf_raise_for_status(response)


def _take(remote: Remote, response: httpx2.Response, start: int, progress: Progress) -> None:
    """Write what comes; from the first byte, if the server does not go on where it was asked to."""
    given = response.headers.get("Content-Range", "")
    goes_on = response.status_code == _PARTIAL_CONTENT and given.startswith(f"bytes {start}-")
    if response.status_code == _PARTIAL_CONTENT and not goes_on:
        remote.partial.unlink(missing_ok=True)
        raise _Broken("the hub sent another range")
    progress.begin("fetching", start if goes_on else 0, remote.size)
    with remote.partial.open("ab" if goes_on else "wb") as file:
        for chunk in response.iter_bytes():
            file.write(chunk)
            progress.advance(len(chunk))


def _check_room(remote: Remote) -> None:
    remote.partial.parent.mkdir(parents=True, exist_ok=True)
    if remote.size is None:
        return
    if remote.size > constants.MAX_HTTP_DOWNLOAD_SIZE:
        raise NotFetched(
            f"{remote.of} has {size(remote.size)}, more than the hub gives over plain HTTP: `hf"
            f" download {remote.of.repository} {remote.of.file}` brings it to the same cache."
        )
    missing = remote.size - min(_length(remote.partial), remote.size)
    free = shutil.disk_usage(remote.partial.parent).free
    if missing > free:
        raise NotFetched(
            f"{remote.of} needs {size(missing)} more in {constants.HF_HUB_CACHE}, which has"
            f" {size(free)} free; HF_HUB_CACHE names another folder."
        )


def _given_up(remote: Remote, error: _Broken, now: int) -> str:
    whole = f" of {size(remote.size)}" if remote.size is not None else ""
    tries = counted(len(PAUSES_S) + 1, "attempt")
    return (
        f"{remote.of}: {error} at {size(now)}{whole}, {tries} in a row. The same command goes on"
        " from there."
    )


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
