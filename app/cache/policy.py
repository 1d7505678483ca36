"""Which requests the cache serves, and which answers it keeps. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from app.cache.cache_control import CacheControl
from tasks.jobs import EmbedJob, Job
from tasks.terms import Terms

Setting = Literal["off", "deterministic", "all"]

KEPT_ENDINGS = frozenset({"stop", "length", "tool_calls"})
"""How a choice may have ended for its answer to be kept."""

# For so long after its end the ledger still shares a job (``SETTLED_MS`` in accept.lua): a request
# that wants nothing older than this takes no part.
SETTLED_S = 2


def serves(setting: Setting, job: Job) -> bool:
    """Whether another computation of ``job`` would say nothing new, or is not wanted anyway."""
    if setting == "off":
        return False
    if setting == "all" or isinstance(job, EmbedJob):
        return True
    return job.sampling.temperature == 0 or job.sampling.seed is not None


def wants_own_job(terms: Terms) -> bool:
    """Whether a client asked for a job that it can come back to, or be told of."""
    # Without a listener: in the background.
    fetched_later = not terms.listen_s or bool(terms.resume_s)
    return fetched_later or terms.repeat is not None or bool(terms.webhook_url)


def may_share(job: Job, asked: CacheControl) -> bool:
    """Whether the job of an equal request that is under way may answer this one."""
    if asked.no_cache or asked.no_store or job.deadline_at is not None:
        return False
    return asked.max_age_s is None or asked.max_age_s >= SETTLED_S


def is_young_enough(age_s: float, asked: CacheControl) -> bool:
    """Whether an entry of this age is what the request wants."""
    return asked.max_age_s is None or age_s <= asked.max_age_s


def keeps(endings: Iterable[str]) -> bool:
    """Whether an answer whose choices ended so is kept."""
    return KEPT_ENDINGS.issuperset(endings)
