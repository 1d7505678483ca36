"""Which requests the cache serves, and which answers it keeps."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from app.cache.cache_control import ANYTHING, CacheControl
from app.cache.policy import Setting, is_young_enough, keeps, may_share, serves, wants_own_job
from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Job, Message, Sampling
from tasks.settings import QueueSettings
from tasks.terms import Repeat, Terms

GREEDY, SEEDED, CHANCE = Sampling(temperature=0), Sampling(seed=1), Sampling()
EMBED = EmbedJob(id="j", model="m", texts=("a",))


def chat(sampling: Sampling = GREEDY) -> ChatJob:
    return ChatJob(id="j", model="m", messages=(Message("user", "a"),), sampling=sampling)


def complete(sampling: Sampling) -> CompletionJob:
    return CompletionJob(id="j", model="m", texts=("a",), sampling=sampling)


@pytest.mark.parametrize(
    ("job", "is_certain"),
    [
        (chat(GREEDY), True),
        (chat(SEEDED), True),
        (chat(CHANCE), False),
        (complete(GREEDY), True),
        (complete(SEEDED), True),
        (complete(CHANCE), False),
        (EMBED, True),
    ],
)
def test_what_leaves_nothing_to_chance_is_served(job: Job, is_certain: bool) -> None:
    """Temperature 0, a seed, or vectors; everything or nothing where a setting says so."""
    settings: list[Setting] = ["off", "deterministic", "all"]
    assert [serves(setting, job) for setting in settings] == [False, is_certain, True]


REPEAT = Repeat.of("key", b"body")


@pytest.mark.parametrize(
    ("terms", "own"),
    [
        (Terms.listened(QueueSettings()), False),
        (Terms.listened(QueueSettings(), resume_s=5), True),
        (Terms.listened(QueueSettings(), repeat=REPEAT), True),
        (Terms.listened(QueueSettings(), webhook_url="https://a.b"), True),
        (Terms.background(QueueSettings()), True),
    ],
)
def test_who_comes_back_for_a_job_has_one(terms: Terms, own: bool) -> None:
    """In the background, to be resumed, repeated, or told of by a webhook."""
    assert wants_own_job(terms) == own


@pytest.mark.parametrize(
    ("changed", "asked", "shares"),
    [
        ({}, ANYTHING, True),
        ({}, CacheControl(max_age_s=60), True),
        ({}, CacheControl(max_age_s=1), False),
        ({}, CacheControl(no_cache=True), False),
        ({}, CacheControl(no_store=True), False),
        ({"deadline_at": 5.0}, ANYTHING, False),
    ],
)
def test_not_every_request_shares(
    changed: dict[str, Any], asked: CacheControl, shares: bool
) -> None:
    """One with a deadline of its own does not, nor one that wants a fresh answer or a private."""
    assert may_share(replace(chat(), **changed), asked) == shares


def test_an_age_is_a_limit() -> None:
    """Up to it an entry counts, and any where none is named."""
    ages_s = (0.0, 5.0, 5.1)
    assert [is_young_enough(age_s, CacheControl(max_age_s=5)) for age_s in ages_s] == [
        True,
        True,
        False,
    ]
    assert is_young_enough(1e9, ANYTHING)


@pytest.mark.parametrize(
    ("endings", "kept"),
    [
        (("stop",), True),
        (("stop", "length", "tool_calls"), True),
        (("stop", "content_filter"), False),
        (("error",), False),
    ],
)
def test_only_what_ended_well_is_kept(endings: tuple[str, ...], kept: bool) -> None:
    """Every choice of it."""
    assert keeps(endings) == kept
