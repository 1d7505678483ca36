"""Files of the Hugging Face hub, and where its cache on this machine keeps them.

The cache is the hub library's own, with its folders and locks, so that a worker finds there what
was fetched here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import filelock
from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    WeakFileLock,
    validate_repo_id,
)

# How long a download by somebody else is waited for without a word.
_PATIENCE_S = 0.5


class NotFetched(Exception):
    """Raised, with a line that says why, when a file is not to be had or not what it should be."""


class NotReached(NotFetched):
    """Raised when the hub did not answer: what the cache has must do."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file in a repository of the hub."""

    repository: str
    file: str

    def __str__(self) -> str:
        return f"hf:{self.repository}/{self.file}"

    @property
    def cached(self) -> Path | None:
        """Where the cache has it, as a link to its content; nothing is asked of the hub."""
        found = try_to_load_from_cache(self.repository, self.file)
        return Path(found) if isinstance(found, str) else None

    @property
    def folder(self) -> str:
        """The name of its repository's folder in the cache."""
        return repo_folder_name(repo_id=self.repository, repo_type="model")


@dataclass(frozen=True, slots=True)
class Remote:
    """What the hub says of a file. ``url`` is of this very version, whatever comes after it.

    ``etag`` is the content's sha256, or for a small file the sha1 that git has of it.
    """

    of: HubFile
    url: str
    etag: str
    size: int | None

    @property
    def blob(self) -> Path:
        """Where the cache keeps the content."""
        return Path(constants.HF_HUB_CACHE) / self.of.folder / "blobs" / self.etag

    @property
    def partial(self) -> Path:
        """Where the content grows until it is whole.

        The hub's library has its unfinished files under other names, and takes them away itself;
        this name is one that its cache tools count and clear.
        """
        return self.blob.with_name(f"{self.etag}.incomplete")

    @property
    def lock(self) -> Path:
        """What the hub's library locks while it fetches the content."""
        return Path(constants.HF_HUB_CACHE) / ".locks" / self.of.folder / f"{self.etag}.lock"


def parse(reference: str) -> HubFile:
    """The file that ``hf:<owner>/<repo>/<file>`` names; raises ``NotFetched``."""
    owner, _, rest = reference.removeprefix("hf:").partition("/")
    name, _, file = rest.partition("/")
    if not (owner and name and file):
        raise NotFetched(f"{reference} is incomplete: write hf:OWNER/REPO/FILE.")
    if ".." in PurePosixPath(file).parts or file.startswith("/"):
        raise NotFetched(f"{reference}: a file's name does not leave its repository.")
    try:
        validate_repo_id(f"{owner}/{name}")
    except HFValidationError as error:
        raise NotFetched(f"{reference} is no valid name: {error}") from error
    return HubFile(f"{owner}/{name}", file)


@contextmanager
def locked(remote: Remote, told: Callable[[str], None]) -> Iterator[None]:
    """Have the content to oneself; a worker may be fetching it, too."""
    remote.lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = WeakFileLock(remote.lock, timeout=_PATIENCE_S)
        lock.__enter__()
    except filelock.Timeout:
        told(f"{remote.of}: waiting for another process that fetches it")
        lock = WeakFileLock(remote.lock)
        lock.__enter__()
    try:
        yield
    finally:
        lock.__exit__(None, None, None)
