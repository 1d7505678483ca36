"""Requests and tokens of API keys: what is taken when, and what a job may have."""

from __future__ import annotations

from app.limits.estimate import Estimate, estimate
from app.openai.errors import BadRequest
from tasks.api_keys import ApiKey
from tasks.budgets import Budgets, Standing, is_limited
from tasks.gateway import Gateway
from tasks.jobs import ChatJob, EmbedJob, Job
from tasks.terms import Allowance


class Limits:
    """One per application. Thread-safe."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._budgets = Budgets(gateway.redis, gateway.settings)

    def charge(self, key: ApiKey | None, request_id: str) -> None:
        """Take a request, once for each id; raises ``RateLimited`` when ``key`` has none left."""
        if key is not None:
            self._budgets.charge(key, request_id)

    def allowance(self, key: ApiKey | None, job: Job) -> Allowance | None:
        """What ``job`` may have; ``BadRequest`` when it needs more than ``key`` ever has."""
        if key is None or (key.tokens_per_minute is None and key.most_open is None):
            return None
        limit, tokens = key.tokens_per_minute, 0
        if limit is not None:
            expected = estimate(job, self._gateway.catalog.find(job.model).context)
            if expected.named > limit:
                raise _never(job, expected, limit)
            tokens = min(expected.tokens, limit)
        return Allowance(key.id, limit, tokens, key.most_open)

    def standing(self, key: ApiKey | None) -> Standing | None:
        """Where ``key`` is in its limits a minute; None when it has none."""
        if key is None or not is_limited(key):
            return None
        return self._budgets.standing(key)


def _never(job: Job, expected: Estimate, limit: int) -> BadRequest:
    """No time to wait would help: the request itself must be smaller."""
    answer_fits = expected.prompt > limit
    remedy = "Send less in one request" if answer_fits else "Ask for a smaller 'max_tokens'"
    return BadRequest(
        f"This request may need {expected.named} tokens, and its API key may use {limit} a minute."
        f" {remedy}, or have the key's limit raised.",
        param=_input_of(job) if answer_fits else "max_tokens",
        code="tokens_per_minute_exceeded",
    )


def _input_of(job: Job) -> str:
    if isinstance(job, EmbedJob):
        return "input"
    return "messages" if isinstance(job, ChatJob) else "prompt"
