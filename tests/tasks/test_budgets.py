"""What API keys may ask for: requests by the minute, tokens by the minute, jobs at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tasks.api_keys import ApiKey
from tasks.budgets import Budgets, Level
from tasks.connection import Client, now_ms
from tasks.errors import QueueFull, RateLimited
from tasks.events import Done, Event, Failed, Started, Token, Usage
from tasks.jobs import Priority, new_id
from tasks.ledger import Entry, Ledger
from tasks.settings import QueueSettings
from tasks.terms import Allowance, Terms
from tasks.upkeep import Upkeep
from tests.tasks.test_ledger import QUEUE, a_job, append, claimed

KEY = "key_1"
# One token comes back in a second: no test takes so long.
SLOW = 60


@pytest.fixture
def budgets(client: Client, settings: QueueSettings) -> Budgets:
    """The budgets of the test's own keys."""
    return Budgets(client, settings)


def a_key(**limits: int) -> ApiKey:
    """A key with these limits."""
    return ApiKey(id=KEY, owner="ann", **limits)  # type: ignore[arg-type]


def under(**allowed: Any) -> Terms:
    """Terms of a job under this allowance."""
    return Terms(30, 600, 1000, allowance=Allowance(KEY, **allowed))


def tokens_used(budgets: Budgets) -> float:
    """Of SLOW tokens a minute, rounded: nearly nothing has come back since."""
    standing = budgets.standing(a_key(tokens_per_minute=SLOW))
    assert standing.tokens is not None
    return round(standing.tokens.used)


def requests_used(budgets: Budgets, limit: int = SLOW) -> float:
    """Of so many requests a minute, rounded."""
    standing = budgets.standing(a_key(requests_per_minute=limit))
    assert standing.requests is not None
    return round(standing.requests.used)


def test_a_minutes_worth_is_there_at_once_and_no_more(budgets: Budgets) -> None:
    """The request after the last one is told when there is one again."""
    key = a_key(requests_per_minute=3)
    for _ in range(3):
        budgets.charge(key, new_id())
    with pytest.raises(RateLimited) as refused:
        budgets.charge(key, new_id())
    assert refused.value.retry_after_s == pytest.approx(20, abs=2)


def test_a_refused_request_takes_nothing(budgets: Budgets) -> None:
    """Who asks too often does not wait the longer for it."""
    key = a_key(requests_per_minute=1)
    budgets.charge(key, new_id())
    for _ in range(5):
        with pytest.raises(RateLimited):
            budgets.charge(key, new_id())
    assert requests_used(budgets, 1) == 1


def _charge_for_ever(budgets: Budgets, key: ApiKey) -> None:
    while True:
        budgets.charge(key, new_id())


def test_a_request_is_there_when_it_was_said_to_be(budgets: Budgets) -> None:
    """Neither earlier nor later: the time told is the real one."""
    key = a_key(requests_per_minute=600)
    for _ in range(600):
        budgets.charge(key, new_id())
    with pytest.raises(RateLimited) as refused:
        _charge_for_ever(budgets, key)
    wait_s = refused.value.retry_after_s
    assert wait_s is not None
    assert 0 < wait_s <= 0.1
    time.sleep(wait_s + 0.002)
    budgets.charge(key, new_id())


def test_a_retried_call_takes_one_request(budgets: Budgets) -> None:
    """Its answer was lost on the way, and the call is made again."""
    key = a_key(requests_per_minute=SLOW)
    request_id = new_id()
    for _ in range(3):
        budgets.charge(key, request_id)
    assert requests_used(budgets) == 1


def test_keys_have_budgets_of_their_own(budgets: Budgets) -> None:
    """Also those of one owner."""
    first, second = (ApiKey(id=f"key_{n}", owner="ann", requests_per_minute=1) for n in (1, 2))
    budgets.charge(first, new_id())
    requests = budgets.standing(second).requests
    assert requests is not None
    assert requests.used == 0


def test_a_budget_that_is_whole_again_is_forgotten(budgets: Budgets, ledger: Ledger) -> None:
    """A minute after that at most, there is no trace of the key."""
    key = a_key(requests_per_minute=SLOW)
    budgets.charge(key, new_id())
    assert 0 < ledger.redis.pttl(ledger.keys.budget(KEY)) <= 62_000


def test_a_level_is_told_as_what_remains() -> None:
    """Whole ones, never below none, and the time until all is there."""
    assert (Level(60, 0.5).remaining, Level(60, 75.0).remaining) == (59, 0)
    assert Level(60, 75.0).whole_in_s == 75
    assert Level(60, 59.5).wait_s(1) == 0.5


Ending = Callable[[Ledger, Upkeep, str], None]


def _ends(*said: Event, state: str) -> Ending:
    def end(ledger: Ledger, _: Upkeep, __: str) -> None:
        append(ledger, claimed(ledger), 1, *said, state=state)

    return end


def _cancelled_while_it_waits(ledger: Ledger, _: Upkeep, job_id: str) -> None:
    ledger.cancel(job_id, QUEUE)


def _cancelled_after_a_drain(ledger: Ledger, _: Upkeep, job_id: str) -> None:
    claim = claimed(ledger)
    append(ledger, claim, 1, Started(7), Token(0, (1, 2), "ab"))
    ledger.release(claim, QUEUE)
    ledger.cancel(job_id, QUEUE)


def _cancelled_by_the_keeper(ledger: Ledger, upkeep: Upkeep, job_id: str) -> None:
    append(ledger, claimed(ledger, "dead"), 1, Started(7), Token(0, (1,), "a"), Token(1, (2,), "b"))
    ledger.cancel(job_id, QUEUE)
    upkeep.reap(QUEUE, ["dead"])


def _expired(ledger: Ledger, upkeep: Upkeep, job_id: str) -> None:
    ledger.redis.zadd(ledger.keys.open, {job_id: 1})
    upkeep.expire()


def _refused(_: Ledger, upkeep: Upkeep, __: str) -> None:
    upkeep.refuse(QUEUE, Failed("model_unavailable", "x"), 1)


def _dead_letter(ledger: Ledger, upkeep: Upkeep, _: str) -> None:
    append(ledger, claimed(ledger, "dead"), 1, Started(7), Token(0, (1,), "a"))
    for _turn in range(4):
        upkeep.reap(QUEUE, ["dead"])
        ledger.claim(QUEUE, "dead")


STOPPED = Failed("job_cancelled", "x")


@pytest.mark.parametrize(
    ("ends", "came_to"),
    [
        (_ends(Started(7), Done(Usage(7, 12, 3)), state="done"), ("done", 19)),
        (_ends(Started(7), Token(0, (1,), "a"), Failed("m", "x"), state="failed"), ("failed", 0)),
        (_ends(Started(7), Token(0, (1, 2), "a"), STOPPED, state="cancelled"), ("cancelled", 9)),
        (_cancelled_while_it_waits, ("cancelled", 0)),
        (_cancelled_after_a_drain, ("cancelled", 9)),
        (_cancelled_by_the_keeper, ("cancelled", 9)),
        (_expired, ("expired", 0)),
        (_refused, ("failed", 0)),
        (_dead_letter, ("failed", 0)),
    ],
)
def test_a_job_takes_an_estimate_and_is_settled_by_its_end(
    ledger: Ledger, upkeep: Upkeep, budgets: Budgets, ends: Ending, came_to: tuple[str, int]
) -> None:
    """Whoever ends it: what was computed counts, and of a job that failed nothing."""
    job = a_job(owner="ann")
    ledger.accept(job, QUEUE, under(tokens_per_minute=SLOW, tokens=40))
    assert tokens_used(budgets) == 40
    ends(ledger, upkeep, job.id)
    assert (ledger.state(job.id), tokens_used(budgets)) == came_to
    assert ledger.redis.scard(ledger.keys.open_of("ann")) == 0


def test_a_long_answer_that_was_cancelled_counts_to_its_last_token(
    ledger: Ledger, budgets: Budgets
) -> None:
    """Its log is longer than what is read of it in one go."""
    job = a_job()
    ledger.accept(job, QUEUE, under(tokens_per_minute=10_000_000, tokens=1))
    claim = claimed(ledger)
    append(ledger, claim, 1, Started(5), *[Token(0, (n,), "x") for n in range(2_500)])
    append(ledger, claim, 2_502, STOPPED, state="cancelled")
    row = ledger.redis.hget(ledger.keys.budget(KEY), "tokens")
    # A few hundred of ten million a minute came back meanwhile, of one that was taken.
    assert float(row or 0) == pytest.approx(2_505, abs=1)


def test_too_low_an_estimate_is_taken_later(ledger: Ledger, budgets: Budgets) -> None:
    """Beyond the whole budget, too: then nothing is there until it has come back."""
    ledger.accept(a_job(), QUEUE, under(tokens_per_minute=SLOW, tokens=1))
    append(ledger, claimed(ledger), 1, Done(Usage(10, 70)), state="done")
    with pytest.raises(RateLimited) as refused:
        ledger.accept(a_job(), QUEUE, under(tokens_per_minute=SLOW, tokens=1))
    assert refused.value.retry_after_s == pytest.approx(21, abs=2)


def test_a_job_without_tokens_left_is_not_accepted(ledger: Ledger, budgets: Budgets) -> None:
    """It leaves no record, takes nothing, and is told the time until there are enough."""
    terms = under(tokens_per_minute=SLOW, tokens=40)
    ledger.accept(a_job(), QUEUE, terms)
    job = a_job()
    with pytest.raises(RateLimited) as refused:
        ledger.accept(job, QUEUE, terms)
    assert refused.value.retry_after_s == pytest.approx(20, abs=2)
    assert ledger.state(job.id) is None
    assert tokens_used(budgets) == 40


def test_accepting_twice_takes_once(ledger: Ledger, budgets: Budgets) -> None:
    """A retried call changes nothing, though the budget would not do for another job."""
    job, terms = a_job(), under(tokens_per_minute=SLOW, tokens=40)
    assert ledger.accept(job, QUEUE, terms)
    assert not ledger.accept(job, QUEUE, terms)
    assert tokens_used(budgets) == 40


def test_an_end_that_is_said_twice_settles_once(ledger: Ledger, budgets: Budgets) -> None:
    """The worker's last call is retried."""
    ledger.accept(a_job(), QUEUE, under(tokens_per_minute=SLOW, tokens=40))
    claim = claimed(ledger)
    for _ in range(2):
        append(ledger, claim, 1, Done(Usage(5, 5)), state="done")
    assert tokens_used(budgets) == 10


@pytest.mark.parametrize("event", [b"", b"\xc1", b"\x2a", b"\x92\xa1s\xc0", b"\x92\xa1t\x01"])
@pytest.mark.parametrize("state", ["done", "cancelled"])
def test_an_event_that_tells_no_tokens_ends_its_job(
    ledger: Ledger, budgets: Budgets, event: bytes, state: Any
) -> None:
    """Another release may write events otherwise: the estimate stays, and nothing else does."""
    job = a_job(owner="ann")
    ledger.accept(job, QUEUE, under(tokens_per_minute=SLOW, tokens=40))
    ledger.append([Entry(claimed(ledger), QUEUE, 1, [event], state)])
    assert (ledger.state(job.id), tokens_used(budgets)) == (state, 40)
    assert ledger.redis.hget(ledger.keys.paces, f"{state} {QUEUE}") == b"1"
    assert ledger.redis.ttl(ledger.keys.log(job.id)) > 0


def test_a_budget_of_another_type_ends_no_job_otherwise(ledger: Ledger) -> None:
    """A hand at the keys costs the key its count, and not the job its end."""
    job = a_job(owner="ann")
    ledger.accept(job, QUEUE, under(tokens_per_minute=SLOW, tokens=40))
    claim = claimed(ledger)
    ledger.redis.delete(ledger.keys.budget(KEY))
    ledger.redis.set(ledger.keys.budget(KEY), "x")
    append(ledger, claim, 1, Done(Usage(5, 5)), state="done")
    assert ledger.state(job.id) == "done"
    assert ledger.redis.hget(ledger.keys.paces, f"done {QUEUE}") == b"1"


def test_a_job_whose_log_goes_at_once_is_settled(ledger: Ledger, budgets: Budgets) -> None:
    """Its owner had it forgotten while it ran: what it came to counts all the same."""
    job = a_job(owner="ann")
    ledger.accept(job, QUEUE, under(tokens_per_minute=SLOW, tokens=40))
    ledger.redis.hset(ledger.keys.job(job.id), "keep_s", 0)
    append(ledger, claimed(ledger), 1, Done(Usage(5, 5)), state="done")
    assert tokens_used(budgets) == 10


def test_an_owner_has_so_many_jobs_open_and_no_more(ledger: Ledger) -> None:
    """Waiting or running, on any model; the end of one lets in the next."""
    terms = under(most_open=2)
    ledger.accept(a_job(owner="ann"), QUEUE, terms)
    claim = claimed(ledger)
    ledger.accept(a_job(owner="ann"), "chat.other", terms)
    with pytest.raises(RateLimited) as refused:
        ledger.accept(a_job(owner="ann"), QUEUE, terms)
    assert refused.value.retry_after_s is None
    ledger.accept(a_job(owner="bob"), QUEUE, terms)
    append(ledger, claim, 1, Done(Usage(1, 1)), state="done")
    assert ledger.accept(a_job(owner="ann"), QUEUE, terms)


def test_jobs_of_batches_are_not_counted(ledger: Ledger) -> None:
    """How many wait is their driver's bound."""
    ledger.accept(a_job(owner="ann", priority=Priority.BATCH), QUEUE, Terms.of_batch())
    assert ledger.redis.scard(ledger.keys.open_of("ann")) == 0


def test_a_job_that_is_counted_for_ever_refuses_nobody_for_long(ledger: Ledger) -> None:
    """A process of an older release ended it, and left it counted."""
    ledger.redis.sadd(ledger.keys.open_of("ann"), "long ended", "too")
    assert ledger.accept(a_job(owner="ann"), QUEUE, under(most_open=2))
    assert ledger.redis.scard(ledger.keys.open_of("ann")) == 1


def test_an_audit_counts_what_an_older_release_accepted(ledger: Ledger, upkeep: Upkeep) -> None:
    """It is open, and no owner's; jobs of batches stay uncounted."""
    jobs = [a_job(owner="ann"), a_job(owner="ann")]
    for job in jobs:
        ledger.accept(job, QUEUE)
    claimed(ledger)
    ledger.accept(a_job(owner="ann"), QUEUE, Terms.of_batch())
    ledger.redis.delete(ledger.keys.open_of("ann"))
    assert upkeep.audit() == []
    open_ = ledger.redis.smembers(ledger.keys.open_of("ann"))
    assert open_ == {job.id.encode() for job in jobs}


def test_a_full_line_locks_out_nobody_who_has_few_jobs(ledger: Ledger) -> None:
    """An owner with less than a tenth of the limit open gets in, up to that, and up to twice."""
    terms = Terms(30, 600, 20)
    for _ in range(20):
        ledger.accept(a_job(owner="many"), QUEUE, terms)
    with pytest.raises(QueueFull):
        ledger.accept(a_job(owner="many"), QUEUE, terms)
    for owner in range(10):
        for _ in range(2):
            ledger.accept(a_job(owner=f"one-{owner}"), QUEUE, terms)
        if owner < 9:
            with pytest.raises(QueueFull):
                ledger.accept(a_job(owner=f"one-{owner}"), QUEUE, terms)
    with pytest.raises(QueueFull):
        ledger.accept(a_job(owner="one too many"), QUEUE, terms)
    assert ledger.waiting(QUEUE) == 40


def test_who_cancels_is_not_put_behind(ledger: Ledger) -> None:
    """A turn that was not taken is given back: the next job waits for one of another's."""
    for _ in range(50):
        ledger.accept(a_job(owner="many"), QUEUE)
    gone = [a_job(owner="one") for _ in range(30)]
    for job in gone:
        ledger.accept(job, QUEUE)
    for job in gone:
        ledger.cancel(job.id, QUEUE)
    ledger.accept(a_job(owner="one"), QUEUE)
    assert "one" in [claimed(ledger).job().owner for _ in range(2)]


def test_cancelling_gives_nobody_more_than_their_share(ledger: Ledger) -> None:
    """Who cancels every second job and asks again is served no more often than the other."""
    for _ in range(40):
        ledger.accept(a_job(owner="calm"), QUEUE)
        first, second = a_job(owner="busy"), a_job(owner="busy")
        ledger.accept(first, QUEUE)
        ledger.accept(second, QUEUE)
        ledger.cancel(first.id, QUEUE)
    owners = [claimed(ledger).job().owner for _ in range(40)]
    assert 18 <= owners.count("busy") <= 22


def test_a_clock_that_goes_back_takes_nothing(
    budgets: Budgets, ledger: Ledger, client: Client
) -> None:
    """What was used on a host whose clock was ahead is used, and no more than that."""
    key = ledger.keys.budget(KEY)
    client.hset(key, mapping={"tokens": 10, "tokens_ms": now_ms(client) + 3_600_000})
    assert tokens_used(budgets) == 10
