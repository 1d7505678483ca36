"""What the Hugging Face hub says of a file, and what is said when it says nothing.

Importing the hub's library takes a quarter of a second: commands do it when they need it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

import httpx2
from huggingface_hub import HfFileMetadata, constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from console.pulling.hub_files import HubFile, NotFetched, NotReached, Remote
from console.wording import span

# Between attempts that brought nothing; one that brought something counts as the first.
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0)
# What a busy server says, and may say otherwise soon.
PASSING = (408, 425, 429, 500, 502, 503, 504)

# It becomes a file's name, and another server may play the hub.
_ETAG = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,127}")
# What it warns of (no token, a connection that broke) we say ourselves, or is no news.
logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def is_offline() -> bool:
    """Whether the environment forbids to ask the hub (``HF_HUB_OFFLINE``)."""
    return bool(constants.HF_HUB_OFFLINE)


def describe(file: HubFile, note: Callable[[str], None]) -> Remote:
    """What the hub says of the file now; raises ``NotFetched``, ``NotReached``.

    A hub that is busy is asked again. One that is away is not: it may well be away for good, and
    the cache may do.
    """
    if is_offline():
        raise NotReached(f"{file} is not in the cache, and HF_HUB_OFFLINE is set.")
    told = _asked(file)
    for pause_s in PAUSES_S:
        if not isinstance(told, int):
            break
        note(f"{file}: the hub answered with status {told}; asked again in {span(pause_s)}")
        time.sleep(pause_s)
        told = _asked(file)
    if isinstance(told, int):
        raise NotReached(f"{file}: {constants.ENDPOINT} answered with status {told}.")
    commit, etag = told.commit_hash, told.etag
    if commit is None or etag is None or not _ETAG.fullmatch(etag):
        raise NotFetched(f"{file}: {constants.ENDPOINT} does not answer as a hub does.")
    url = hf_hub_url(file.repository, file.file, revision=commit)
    return Remote(file, url, etag, told.size)


def _asked(file: HubFile) -> HfFileMetadata | int:
    """What the hub says of the file, or the status by which it says that it is busy."""
    try:
        return get_hf_file_metadata(hf_hub_url(file.repository, file.file))
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        if isinstance(error, HfHubHTTPError) and error.response.status_code in PASSING:
            return error.response.status_code
        raise refusal(file, error) from error


def refusal(file: HubFile, error: Exception) -> NotFetched:
    """What went wrong with the file, in a line that says what can be done."""
    hub, said = constants.ENDPOINT, str(error) or type(error).__name__
    match error:
        case GatedRepoError():
            line = f"{file} is gated: accept its terms at the hub, then set HF_TOKEN."
        case RepositoryNotFoundError():
            line = (
                f"{file}: there is no repository {file.repository!r}, or it is private: check the"
                " name, or set HF_TOKEN."
            )
        case LocalEntryNotFoundError():
            return NotReached(f"{file}: {hub} was not reached.")
        case EntryNotFoundError():
            line = f"{file}: {file.repository!r} has no file {file.file!r}."
        case HfHubHTTPError():
            return NotReached(f"{file}: {hub} answered with status {error.response.status_code}.")
        case httpx2.TransportError() | OfflineModeIsEnabled():
            return NotReached(f"{file}: {hub} was not reached ({said}).")
        case _:
            line = f"{file} could not be fetched: {said}"
    return NotFetched(line)
