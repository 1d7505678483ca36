"""The store that the settings name."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.files.folder import FolderStore
from app.files.store import Store
from app.settings import ApiSettings

FOLDER = "files"
# Where a file lies on its way to a store elsewhere.
STAGING = "uploads"


def store_of(settings: ApiSettings) -> Store:
    """Where this installation keeps its files; nothing is opened before it is used.

    ``ValueError`` says what is wrong with the setting, or which extra is not installed.
    """
    url = settings.files_url
    if not url:
        return FolderStore((settings.data_dir / FOLDER).absolute())
    if "://" not in url:
        return FolderStore(Path(url).expanduser().absolute())
    parts = urlsplit(url)
    if parts.scheme == "file":
        return FolderStore(Path(unquote(parts.path)))
    if parts.scheme not in ("s3", "memory"):
        raise ValueError(
            f"MILLRACE_FILES_URL begins with {parts.scheme}://: use a folder, or s3://bucket/folder"
        )
    if not parts.netloc:
        raise ValueError("MILLRACE_FILES_URL names no bucket: s3://bucket/folder")
    return _remote(url, (settings.data_dir / STAGING).absolute())


def _remote(url: str, staging: Path) -> Store:
    # Its library takes a second to load, and few need it.
    try:
        from app.files.remote import RemoteStore

        return RemoteStore(url, staging)
    except ImportError as error:
        raise ValueError(
            "MILLRACE_FILES_URL names an S3 store, whose library is not installed:"
            " pip install 'millrace[s3]'"
        ) from error
