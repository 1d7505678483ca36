"""Files of the Hugging Face hub: fetched into its own cache, or looked up there without it.

Looking up reads the cache's folders (``refs`` names a commit, ``snapshots`` has its files) and
imports the hub's constants alone: the package that fetches takes 0.2 s and an HTTP client, and a
node that asks where a file lies needs neither.
"""

from __future__ import annotations

from pathlib import Path

from worker.runtimes.errors import LoadFailed


def fetch(reference: str) -> Path:
    """The file ``<owner>/<repo>/<file>``, fetched first where it is not in the cache.

    Raises ``LoadFailed`` that says what to do.
    """
    name, file = _parts(reference)

    # Imported here: it is needed by no model of the default catalog.
    from httpx2 import HTTPError
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    try:
        return Path(hf_hub_download(repo_id=name, filename=file))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise LoadFailed(
            f"hf:{reference} is not in the local cache and huggingface.co was not reached: "
            f"fetch it while online (`hf download {name} {file}`), or use a path: source"
        ) from error
    except GatedRepoError as error:
        raise LoadFailed(
            f"hf:{reference} is gated: accept its terms on huggingface.co, then set HF_TOKEN"
        ) from error
    except RepositoryNotFoundError as error:
        raise LoadFailed(
            f"hf:{reference}: there is no repository {name!r}, or it is private: "
            "check the name, or set HF_TOKEN"
        ) from error
    except EntryNotFoundError as error:
        raise LoadFailed(
            f"hf:{reference}: the repository {name!r} has no file {file!r}: check its file list"
        ) from error
    except HFValidationError as error:
        raise LoadFailed(f"hf:{reference} is no valid name: {error}") from error
    except (HfHubHTTPError, HTTPError, OSError) as error:
        raise LoadFailed(f"hf:{reference} could not be fetched: {error}") from error


def cached(reference: str) -> Path | None:
    """The file ``<owner>/<repo>/<file>`` in the hub's cache; None where it must be fetched first.

    Raises ``LoadFailed`` for a reference that names no file.
    """
    name, file = _parts(reference)
    from huggingface_hub.constants import DEFAULT_REVISION, HF_HUB_CACHE

    repository = Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    try:
        commit = (repository / "refs" / DEFAULT_REVISION).read_text().strip()
        path = repository / "snapshots" / commit / file
        return path if path.is_file() else None
    except (OSError, ValueError):
        return None


def _parts(reference: str) -> tuple[str, str]:
    """``<owner>/<repo>`` and the file's path in it."""
    owner, _, rest = reference.partition("/")
    repository, _, file = rest.partition("/")
    if not (owner and repository and file):
        raise LoadFailed(f"hf:{reference} is incomplete: write hf:<owner>/<repo>/<file>")
    if ".." in Path(file).parts or Path(file).is_absolute():
        raise LoadFailed(f"hf:{reference}: a file's name does not leave its repository")
    return f"{owner}/{repository}", file
