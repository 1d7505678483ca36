"""The place that a command looks at, and what is said when it cannot be reached.

Statuses: 0 for what was done, 1 for what was not found or was refused, 2 for a Redis that does not
answer and for settings or arguments that cannot be used, 130 for what Ctrl-C ended before it was
done. Each comes with one line on stderr.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

import redis
import typer
from pydantic import ValidationError

from console.wording import one_line
from tasks.connection import connect
from tasks.errors import QueueOutOfMemory, QueueUnavailable, TaskError
from tasks.fleet import Fleet
from tasks.ledger import Ledger
from tasks.model import CatalogError
from tasks.records import Records
from tasks.roster import Roster
from tasks.settings import QueueSettings

REFUSED = 1
UNREACHABLE = 2
INTERRUPTED = 130

# A person waits for the answer: a Redis that says nothing for twice as long is not there.
ANSWER_S = 2.0


@dataclass(frozen=True, slots=True)
class Place:
    """The queue's Redis, as the settings name it, and everything that reads from it."""

    settings: QueueSettings
    ledger: Ledger
    records: Records
    roster: Roster
    fleet: Fleet

    @property
    def address(self) -> str:
        """Where it is, without the password."""
        return address_of(self.settings.queue_url)


@contextmanager
def opened() -> Iterator[Place]:
    """The place, for one command; what goes wrong ends it with a line and a status."""
    settings = _settings()
    try:
        client = connect(settings.queue_url, timeout_s=ANSWER_S)
    except ValueError:
        # The error's own text may quote the URL, and the URL a password.
        fail("MILLRACE_QUEUE_URL is no Redis URL: write redis://HOST:PORT/DATABASE.", UNREACHABLE)
    place = Place(
        settings,
        Ledger(client, settings),
        Records(client, settings),
        Roster(client, settings),
        Fleet(client, settings),
    )
    try:
        yield place
    except redis.RedisError as error:
        fail(unreachable(place, error), UNREACHABLE)
    except QueueUnavailable as error:
        full = isinstance(error, QueueOutOfMemory)
        fail(error.message if full else unreachable(place, error), REFUSED if full else UNREACHABLE)
    except TaskError as error:
        fail(error.message, REFUSED)
    except CatalogError as error:
        fail(f"The catalog of models cannot be read: {error}.", UNREACHABLE)
    finally:
        client.close()


def each(job_ids: Sequence[str], act: Callable[[str], str]) -> None:
    """Do ``act`` to every job and print what it says; a refusal stops none of the others.

    Ends with status 1 when one was refused. A Redis that goes away ends it at once.
    """
    refusals = 0
    for job_id in job_ids:
        try:
            typer.echo(act(job_id))
        except QueueUnavailable:
            raise
        except TaskError as error:
            complain(error.message)
            refusals += 1
    if refusals:
        raise typer.Exit(REFUSED)


def fail(message: str, status: int) -> NoReturn:
    """End the command: one line on stderr, and a status."""
    complain(message)
    raise typer.Exit(status)


def complain(message: str) -> None:
    """One line on stderr."""
    typer.echo(one_line(message), err=True)


def unreachable(place: Place, error: Exception) -> str:
    """What is wrong with the queue's Redis, and what can be done."""
    reason = str(error).rstrip(".")
    if isinstance(error, redis.ResponseError):
        return (
            f"The queue's Redis at {place.address} refused a command ({reason}). Is it the one"
            " that Millrace runs on? MILLRACE_QUEUE_URL says which."
        )
    return (
        f"Cannot reach the queue's Redis at {place.address} ({reason}). Start it with"
        " `millrace up`, or say where it is in MILLRACE_QUEUE_URL."
    )


def address_of(url: str) -> str:
    """A Redis URL without user and password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _settings() -> QueueSettings:
    try:
        return QueueSettings()
    except ValidationError as error:
        # Without the input, which may be a password.
        fault = error.errors(include_input=False)[0]
        field = str(fault["loc"][0])
        name = field if field.isupper() else f"MILLRACE_{field.upper()}"
        fail(f"{name} cannot be used: {fault['msg']}.", UNREACHABLE)
