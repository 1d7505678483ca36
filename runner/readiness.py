"""Is each part ready? Asked from outside, the way a client would see it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.error import HTTPError
from urllib.request import urlopen

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from runner.parts import part_name
from runner.settings import RunnerSettings
from tasks.model import Model

State = Literal["waiting", "ready", "failed", "resting"]
TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Report:
    """How one part is doing; ``reason`` says why it failed.

    ``resting``: a model that is not loaded, and is as it should be.
    """

    state: State
    reason: str = ""


WAITING, READY = Report("waiting"), Report("ready")


# States of a model that nothing is waited for in.
RESTING = ("unloaded", "unplaceable", "waiting")


def read_reports(settings: RunnerSettings, models: Iterable[Model]) -> dict[str, Report]:
    """A report per part and per model, by its name."""
    stack = ready_document(settings)
    reports = {
        "redis-queue": ping(settings.queue_url),
        "redis-cache": ping(settings.cache_url),
        "api": READY if fetch(f"{settings.api_url}/health") is not None else WAITING,
        "keeper": READY if stack.get("keeper") == "ready" else WAITING,
    }
    entries: dict[str, Any] = stack.get("models") or {}
    for model in models:
        reports[part_name(model.queue)] = of_model(entries.get(model.name) or {})
    return reports


def of_model(entry: dict[str, Any]) -> Report:
    """The report of a model from its entry in ``/ready``."""
    if entry.get("state") == "ready":
        return READY
    if entry.get("state") == "failed":
        return Report("failed", str(entry.get("reason") or "no reason given"))
    if entry.get("state") in RESTING:
        return Report("resting", str(entry.get("reason") or entry["state"]))
    return WAITING


def ready_document(settings: RunnerSettings) -> dict[str, Any]:
    """The body of ``/ready`` (it answers 503 with the same body), empty while there is none."""
    try:
        document = json.loads(fetch(f"{settings.api_url}/ready", accept=(200, 503)) or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def fetch(url: str, accept: tuple[int, ...] = (200,)) -> bytes | None:
    """The body of an answer with an accepted status, else ``None``."""
    try:
        with urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - always http, our own API
            body: bytes = answer.read()
            return body if answer.status in accept else None
    except HTTPError as error:
        with error:
            return error.read() if error.code in accept else None
    except OSError:
        return None


def ping(url: str) -> Report:
    # Once and briefly: redis-py would try 10 times by itself, and asking again is our loop's job.
    options = {"socket_timeout": TIMEOUT_S, "retry": Retry(NoBackoff(), 0)}
    try:
        with Redis.from_url(url, **options) as client:
            client.ping()
    except (RedisError, OSError, ValueError):
        return WAITING
    return READY
