"""What an answer counted, as OpenAI's ``usage`` and llama-server's ``timings``."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from tasks.events import Done, Timings, Usage


class PromptDetails(msgspec.Struct, frozen=True):
    """Of the prompt's tokens, those that were found computed."""

    cached_tokens: int


class UsageBody(msgspec.Struct, frozen=True):
    """OpenAI's ``usage``."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails


class TimingsBody(msgspec.Struct, frozen=True):
    """llama-server's ``timings``; the drafts only where some were made, a rate of nothing null."""

    cache_n: int
    prompt_n: int
    prompt_ms: float
    prompt_per_token_ms: float | None
    prompt_per_second: float | None
    predicted_n: int
    predicted_ms: float
    predicted_per_token_ms: float | None
    predicted_per_second: float | None
    draft_n: int | UnsetType = UNSET
    draft_n_accepted: int | UnsetType = UNSET


def usage_body(usage: Usage) -> UsageBody:
    """The tokens of a job, with their sum."""
    return UsageBody(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.prompt_tokens + usage.completion_tokens,
        PromptDetails(usage.cached_tokens),
    )


def timings_body(done: Done, wanted: bool) -> TimingsBody | UnsetType:
    """Where a job's time went, where a client asked for it and the worker told."""
    if not wanted or done.timings is None:
        return UNSET
    timings: Timings = done.timings
    return TimingsBody(
        timings.cache_n,
        timings.prompt_n,
        timings.prompt_ms,
        *_rates(timings.prompt_n, timings.prompt_ms),
        timings.predicted_n,
        timings.predicted_ms,
        *_rates(timings.predicted_n, timings.predicted_ms),
        timings.draft_n or UNSET,
        timings.draft_accepted_n if timings.draft_n else UNSET,
    )


def _rates(tokens: int, ms: float) -> tuple[float | None, float | None]:
    """Milliseconds per token, and tokens per second."""
    return ms / tokens if tokens else None, 1_000 * tokens / ms if ms else None
