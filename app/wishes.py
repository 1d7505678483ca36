"""What a request asks about its job beyond the answer: how long it lives, and whom it tells.

The body says a part of it and the headers another. Both are checked before anything is enqueued,
and settled as the job's terms. Nothing here knows Flask.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec
from werkzeug.datastructures import Headers
from werkzeug.http import parse_list_header

from app.cache.cache_control import ANYTHING, HEADER, CacheControl, cache_control_of
from app.openai.asked import Asked
from app.openai.errors import BadRequest
from app.outbound.address import AllowedHosts
from app.settings import ApiSettings
from app.webhooks.check import WEBHOOK_HOSTS, check_webhook_url
from tasks.api_keys import ApiKey
from tasks.jobs import Job, Priority
from tasks.model import Model
from tasks.terms import Repeat, Terms

PREFER = "Prefer"
RESUME = "Millrace-Resume"
KEY = "Idempotency-Key"

LONGEST_RESUME_S = 3_600
# A client that names its request comes again after a cut: its job is not cancelled meanwhile.
REPEATABLE_RESUME_S = 60

_SECONDS = re.compile(r"[0-9]{1,4}")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the headers say."""

    background: bool = False
    resume_s: int = 0
    key: str | None = None
    cache_control: CacheControl = ANYTHING


@dataclass(frozen=True, slots=True)
class Order:
    """A job on its terms, and how its client is answered.

    ``later``: with the job instead of its answer. ``preferred``: a header asked for that.
    ``cache_control``: whether the answer may be one that was computed for another request.
    ``key``: what was asked with, where keys are.
    """

    job: Job
    terms: Terms
    stream: bool = False
    later: bool = False
    preferred: bool = False
    cache_control: CacheControl = ANYTHING
    key: ApiKey | None = None


def wishes_of(headers: Headers) -> Wishes:
    """The wishes of a request with these headers; ``BadRequest`` that names the header."""
    key = _key(headers.get(KEY))
    resume_s = _resume_s(headers.get(RESUME))
    if resume_s is None:
        resume_s = REPEATABLE_RESUME_S if key else 0
    control = cache_control_of(headers.get(HEADER))
    return Wishes(_prefers_async(headers.get(PREFER)), resume_s, key, control)


def order_of(
    asked: Asked,
    wishes: Wishes,
    repeat: Repeat | None,
    model: Model,
    settings: ApiSettings,
    *,
    key: ApiKey | None = None,
) -> Order:
    """The order that body and headers make together; ``BadRequest`` for an unusable webhook."""
    webhook_url = _webhook_url(asked, settings)
    background = asked.background or wishes.background
    later = background and not asked.stream
    terms = (
        Terms.background(
            settings, max_waiting=model.max_waiting, repeat=repeat, webhook_url=webhook_url
        )
        if background
        else Terms.listened(
            settings,
            max_waiting=model.max_waiting,
            resume_s=wishes.resume_s,
            repeat=repeat,
            webhook_url=webhook_url,
        )
    )
    # Who streams reads along, however long the job may live: only the others can wait.
    least = Priority.BACKGROUND if later else Priority.INTERACTIVE
    job = _not_before(asked.job, max(least, key.priority if key else least))
    return Order(job, terms, asked.stream, later, wishes.background, wishes.cache_control, key)


def _not_before(job: Job, priority: Priority) -> Job:
    """The job, at most as urgent as ``priority``: the larger one waits."""
    if job.priority >= priority:
        return job
    return msgspec.structs.replace(job, priority=priority)


def _prefers_async(header: str | None) -> bool:
    if not header:
        return False
    # Preferences that are not known are skipped, as the header's law has it.
    names = (item.partition(";")[0].strip().lower() for item in parse_list_header(header))
    return "respond-async" in names


def _resume_s(header: str | None) -> int | None:
    if header is None:
        return None
    if _SECONDS.fullmatch(header) and 1 <= int(header) <= LONGEST_RESUME_S:
        return int(header)
    raise BadRequest(
        f"The header '{RESUME}' must be a whole number of seconds from 1 to {LONGEST_RESUME_S}: "
        "how long the job waits for its client to come back.",
        param=RESUME,
    )


def _key(header: str | None) -> str | None:
    if header is None or _KEY.fullmatch(header):
        return header
    raise BadRequest(
        f"The header '{KEY}' must have 1 to 255 visible ASCII characters and no spaces: "
        "a UUID is a good one.",
        param=KEY,
    )


def _webhook_url(asked: Asked, settings: ApiSettings) -> str:
    if asked.webhook_url is None:
        return ""
    check_webhook_url(
        asked.webhook_url,
        signs=settings.webhook_key is not None,
        allowed=AllowedHosts.parse(WEBHOOK_HOSTS, settings.webhook_hosts),
    )
    return asked.webhook_url
