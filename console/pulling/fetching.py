"""Fetching a file of the hub into its cache, whole and checked, or saying why not.

A content is checked before it comes under its name: a worker never finds another one there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError

from console.pulling.checksums import Expected, find_fault
from console.pulling.download import Progress, download
from console.pulling.hub import describe, is_offline, refusal
from console.pulling.hub_files import HubFile, NotFetched, NotReached, Remote, locked, parse


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file in the cache. ``how`` says what was done for it and what it was checked by."""

    path: Path
    size: int
    how: str


def fetch(reference: str, pin: str | None, progress: Progress) -> Fetched:
    """The file ``hf:<owner>/<repo>/<file>``, checked; raises ``NotFetched``.

    ``pin`` is the sha256 that it must have, beside what the hub says.
    """
    file = parse(reference)
    try:
        remote = describe(file, progress.note)
    except NotReached as error:
        if file.cached is None:
            raise
        return _checked_alone(file, file.cached, pin, str(error), progress)
    try:
        expected = Expected(remote.etag, remote.size, pin)
        if expected.names_another:
            raise NotFetched(
                f"{file}: the hub's file has the sha256 {remote.etag}, and the model's definition"
                f" says {pin}: nothing was fetched."
            )
        how = _bring(remote, expected, progress)
        path = _linked(remote)
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        raise refusal(file, error) from error
    return Fetched(path, path.stat().st_size, f"{how}, checked by {expected.checks}")


def _bring(remote: Remote, expected: Expected, progress: Progress) -> str:
    """Have the content under its name in the cache; says whether it was fetched."""
    with locked(remote, progress.note):
        if remote.blob.exists():
            _check(remote.of, remote.blob, expected, progress)
            return "was there"
        download(remote, progress)
        _check(remote.of, remote.partial, expected, progress)
        _settle(remote)
        return "fetched"


def _settle(remote: Remote) -> None:
    """Give the content its name, once it is on the disk."""
    with remote.partial.open("rb") as file:
        os.fsync(file.fileno())
    remote.partial.replace(remote.blob)


def _linked(remote: Remote) -> Path:
    """The file's name in the cache: the hub's library makes it, and remembers the version."""
    path = Path(hf_hub_download(remote.of.repository, remote.of.file))
    if not path.samefile(remote.blob):
        raise NotFetched(f"{remote.of} has changed at the hub meanwhile: fetch it once more.")
    return path


def _checked_alone(
    file: HubFile, path: Path, pin: str | None, why: str, progress: Progress
) -> Fetched:
    """What the cache has, without the hub: its content's name is its checksum."""
    blob = path.parent / path.readlink() if path.is_symlink() else path
    expected = Expected(blob.name, pin=pin)
    if expected.names_another:
        raise NotFetched(f"{file}: the cache's file is not the one that the model pins. {why}")
    _check(file, blob, expected, progress)
    reached = "HF_HUB_OFFLINE is set" if is_offline() else "the hub was not reached"
    how = f"was there, checked by {expected.checks}; {reached}"
    return Fetched(path, path.stat().st_size, how)


def _check(file: HubFile, content: Path, expected: Expected, progress: Progress) -> None:
    """Remove a content that is not what it should be, and raise ``NotFetched``."""
    progress.begin("checking", 0, content.stat().st_size)
    fault = find_fault(content, expected, progress.advance)
    if fault is None:
        return
    # The hub's library may keep the content itself elsewhere, and would link to it again.
    content.resolve().unlink(missing_ok=True)
    content.unlink(missing_ok=True)
    raise NotFetched(f"{file} is damaged: {fault}. It was removed: fetch it once more.")
