"""The ledger under every order of events that can be thought of: a machine that draws them.

Workers that die, zombies that go on writing, calls that are retried, cancellations, drains,
deadlines and housekeeping happen in any order; after each of them the books must balance.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tasks import events
from tasks.claims import FINAL, AlreadyAsked, Shared
from tasks.connection import Client, connect, now_ms
from tasks.errors import QueueFull, RateLimited
from tasks.events import Done, Event, Failed, Started, Token, Usage, is_terminal
from tasks.jobs import ChatJob, Priority
from tasks.ledger import Append, Claim, Entry, Ledger
from tasks.records import Records
from tasks.settings import QueueSettings
from tasks.terms import Allowance, Repeat, Terms
from tasks.upkeep import Upkeep
from tests.conftest import RedisServer
from tests.tasks.test_ledger import a_job

QUEUE = "chat.m"
HOLDERS = ("a", "b", "c")
MOST_WAITING = 6

# Owners whose API key has limits, beside "ann" and "local", who have none. Of so many tokens a
# minute, one comes back in a minute or two: what is used in a history can be counted exactly.
LIMITED = ("bob", "cid")
TOKENS_A_MINUTE = 60
MOST_OPEN = 4

ENDS = ("done", "failed", "cancelled")
UNAVAILABLE = Failed("model_unavailable", "x")

picks = st.integers(0, 1_000_000)


class LedgerMachine(RuleBasedStateMachine):
    """What a client, three workers and a keeper may do to the ledger, in any order."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.settings = QueueSettings(
            queue_url=self.url, key_prefix=f"machine-{uuid.uuid4().hex[:8]}", lease_s=600
        )
        self.client: Client = connect(self.url)
        self.ledger = Ledger(self.client, self.settings)
        self.upkeep = Upkeep(self.client, self.settings)
        self.records = Records(self.client, self.settings)
        self.terms = Terms.listened(self.settings, max_waiting=MOST_WAITING)
        self.ids: list[str] = []
        self.ends: dict[str, str] = {}
        # Every claim that was ever handed out: those that lost their job are the zombies'.
        self.claims: list[Claim] = []
        self.logged: dict[str, int] = {}
        # Whose job it is, and what its acceptance took, of those that took tokens.
        self.owners: dict[str, str] = {}
        self.taken: dict[str, int] = {}
        self.began_ms = now_ms(self.client)

    def teardown(self) -> None:
        self.client.close()

    # ---- what may happen ----------------------------------------------------------------

    @rule(priority=st.sampled_from(Priority), owner=st.sampled_from(("ann", "bob")))
    def a_job_comes(self, priority: Priority, owner: str) -> None:
        job = a_job(priority=priority, owner=owner)
        try:
            assert self.ledger.accept(job, QUEUE, self.terms)
        except QueueFull:
            assert self.ledger.waiting(QUEUE) >= MOST_WAITING
            assert self.ledger.state(job.id) is None
            return
        self._comes(job)
        assert not self.ledger.accept(job, QUEUE, self.terms)

    @rule(owner=st.sampled_from(LIMITED), tokens=st.integers(0, 20), shared=st.booleans())
    def a_job_of_a_limited_key_comes(self, owner: str, tokens: int, shared: bool) -> None:
        """Also one that an equal request's job answers, which takes no tokens."""
        job = a_job(owner=owner)
        allowance = Allowance(f"key of {owner}", TOKENS_A_MINUTE, tokens, MOST_OPEN)
        terms = replace(self.terms, allowance=allowance, share=f"{owner}'s" if shared else "")
        before, open_before = self._used(owner), len(self._open_of(owner))
        try:
            assert self.ledger.accept(job, QUEUE, terms)
        except Shared as other:
            self._is_its(owner, other.job_id)
        except QueueFull:
            assert self.ledger.waiting(QUEUE) >= MOST_WAITING
        except RateLimited:
            assert open_before >= MOST_OPEN or before + tokens > TOKENS_A_MINUTE - 1
        else:
            assert open_before < MOST_OPEN
            assert before + tokens <= TOKENS_A_MINUTE + 1
            self._comes(job)
            self.taken[job.id] = tokens
        assert bool(self.ledger.state(job.id)) is (job.id in self.ids)
        if job.id in self.ids:
            assert not self.ledger.accept(job, QUEUE, terms)

    @rule(key=st.sampled_from(("k1", "k2")))
    def a_request_comes_perhaps_again(self, key: str) -> None:
        job = a_job()
        terms = replace(self.terms, max_waiting=1000, repeat=Repeat.of(key, b"same"))
        try:
            self.ledger.accept(job, QUEUE, terms)
            self._comes(job)
        except AlreadyAsked as known:
            self._answers(known.job_id)

    @rule(holder=st.sampled_from(HOLDERS), most=st.integers(1, 3))
    def a_worker_claims(self, holder: str, most: int) -> None:
        claims = self.ledger.claim_many(QUEUE, holder, most)
        if isinstance(claims, str):
            return
        for claim in claims:
            assert self.ledger.record(claim.job_id)["holder"] == holder
            self.claims.append(claim)

    @rule(pick=picks, count=st.integers(1, 3), state=st.sampled_from(("", "", *ENDS)))
    def an_attempt_says(self, pick: int, count: int, state: str) -> None:
        """Also one that has lost its job, or that says again what was logged."""
        if not self.claims:
            return
        claim = self.claims[pick % len(self.claims)]
        current = int(self.ledger.record(claim.job_id)["attempt"]) == claim.attempt
        open_ = self.ledger.state(claim.job_id) == "running"
        before = self._last(claim.job_id)
        said: list[Event] = [Token(0, (n, n), f"{claim.attempt}.{n} ") for n in range(count)]
        if not before:
            said.insert(0, Started(3))
        if state:
            said.append(Done(Usage(9, count)) if state == "done" else Failed("x", "x"))
        encoded = [events.encode(event) for event in said]
        entry = Entry(claim, QUEUE, before + 1, encoded, cast(Any, state or None))
        [first] = self.ledger.append([entry])
        if not (current and open_):
            assert first.status is Append.FENCED
            assert self._last(claim.job_id) == before
            return
        assert first.status is Append.LOGGED
        # The answer was lost on its way, and the call is made again.
        [second] = self.ledger.append([entry])
        assert second.status is Append.LOGGED
        assert self._last(claim.job_id) == before + len(said)

    @rule(pick=picks)
    def an_attempt_says_too_much_too_soon(self, pick: int) -> None:
        """It has forgotten what comes first: nothing is logged behind a gap."""
        if not self.claims:
            return
        claim = self.claims[pick % len(self.claims)]
        before = self._last(claim.job_id)
        entry = Entry(claim, QUEUE, before + 2, [events.encode(Token(0, (1,), "x"))])
        [answer] = self.ledger.append([entry])
        assert answer.status in (Append.GAP, Append.FENCED)
        assert self._last(claim.job_id) == before

    @rule(pick=picks)
    def a_worker_gives_back(self, pick: int) -> None:
        if self.claims:
            claim = self.claims[pick % len(self.claims)]
            before = self.ledger.record(claim.job_id)
            holds = before["state"] == "running" and int(before["attempt"]) == claim.attempt
            assert self.ledger.release(claim, QUEUE) is holds
            assert holds or self.ledger.record(claim.job_id) == before

    @rule()
    def leases_are_renewed(self) -> None:
        statuses = self.ledger.renew(QUEUE, self.claims[-5:])
        for claim in self.claims[-5:]:
            record = self.ledger.record(claim.job_id)
            if record["state"] != "running":
                assert statuses[claim.job_id] == 0

    @rule(holder=st.sampled_from(HOLDERS))
    def a_worker_dies(self, holder: str) -> None:
        self.upkeep.reap(QUEUE, [holder])
        running = self.client.zrange(self.ledger.keys.running(QUEUE), 0, -1)
        assert all(self.ledger.record(job_id.decode())["holder"] != holder for job_id in running)

    @rule(pick=picks)
    def a_lease_runs_out(self, pick: int) -> None:
        running = self.client.zrange(self.ledger.keys.running(QUEUE), 0, -1)
        if running:
            lapsed = running[pick % len(running)]
            self.client.zadd(self.ledger.keys.running(QUEUE), {lapsed: 1})
            assert lapsed.decode() in dict(self.upkeep.reap(QUEUE))

    @rule(pick=picks)
    def a_job_is_cancelled(self, pick: int) -> None:
        if self.ids:
            job_id = self.ids[pick % len(self.ids)]
            before = self.ledger.state(job_id)
            after = self.ledger.cancel(job_id, QUEUE)
            assert after == ("cancelled" if before == "queued" else before)

    @rule(pick=picks)
    def a_deadline_passes(self, pick: int) -> None:
        if self.ids:
            job_id = self.ids[pick % len(self.ids)]
            self.client.zadd(self.ledger.keys.open, {job_id: 1}, xx=True)
            expired = self.upkeep.expire()
            assert all(self.ledger.state(each) == "expired" for each in expired)

    @rule(most=st.integers(1, 3))
    def nobody_can_serve_the_queue(self, most: int) -> None:
        before = self.records.queue(QUEUE).depth
        refused = self.upkeep.refuse(QUEUE, UNAVAILABLE, most)
        assert len(refused) <= min(most, before)
        assert all(self.ledger.state(each) == "failed" for each in refused)

    @rule()
    def the_keeper_audits(self) -> None:
        assert self.upkeep.audit() == []

    # ---- what must hold after each --------------------------------------------------------

    @invariant()
    def every_job_is_in_its_place(self) -> None:
        lines = [f"{self.ledger.keys.waiting(QUEUE)}:{line}" for line in ("resume", "0", "1", "2")]
        waiting = [job_id.decode() for line in lines for job_id in self.client.zrange(line, 0, -1)]
        running = self._members(self.ledger.keys.running(QUEUE))
        open_ = self._members(self.ledger.keys.open)
        states = {job_id: self.ledger.state(job_id) for job_id in self.ids}
        assert sorted(waiting) == sorted(i for i, state in states.items() if state == "queued")
        assert running == {i for i, state in states.items() if state == "running"}
        assert open_ == {i for i, state in states.items() if state not in FINAL}
        assert self._members(self.ledger.keys.listeners) <= open_
        depths = self.records.queue(QUEUE)
        assert (depths.depth, depths.running) == (len(waiting), len(running))

    @invariant()
    def an_end_is_one_and_for_ever(self) -> None:
        for job_id in self.ids:
            state = self.ledger.state(job_id)
            log = self.ledger.log(job_id)
            assert [seq for seq, _ in log] == list(range(1, self._last(job_id) + 1))
            assert len(log) >= self.logged.get(job_id, 0)
            self.logged[job_id] = len(log)
            ends = [seq for seq, event in log if is_terminal(event)]
            assert ends == ([len(log)] if state in FINAL else [])
            assert self.ends.get(job_id, state) == state
            if state in FINAL:
                self.ends[job_id] = str(state)

    @invariant()
    def every_owners_open_jobs_are_known(self) -> None:
        for owner in ("ann", "local", *LIMITED):
            its = [job_id for job_id in self.ids if self.owners[job_id] == owner]
            assert self._open_of(owner) == {i for i in its if self.ledger.state(i) not in FINAL}

    @invariant()
    def what_a_key_has_used_is_what_its_jobs_came_to(self) -> None:
        """To within what has come back since the history began."""
        back = (now_ms(self.client) - self.began_ms) * TOKENS_A_MINUTE / 60_000
        for owner in LIMITED:
            owed = sum(self._owed(i) for i in self.taken if self.owners[i] == owner)
            assert owed - back - 0.01 <= self._used(owner) <= owed + 0.01

    def _owed(self, job_id: str) -> int:
        """By what is in its log: an estimate while it is open, then what it came to."""
        state = self.ledger.state(job_id)
        if state not in FINAL:
            return self.taken[job_id]
        said = [event for _, event in self.ledger.log(job_id)]
        end = said[-1]
        if isinstance(end, Done):
            return end.usage.prompt_tokens + end.usage.completion_tokens
        if state == "failed":
            return 0
        prompt = sum(event.prompt_tokens for event in said if isinstance(event, Started))
        return prompt + sum(len(event.ids) for event in said if isinstance(event, Token))

    def _used(self, owner: str) -> float:
        return float(self.client.hget(self.ledger.keys.budget(f"key of {owner}"), "tokens") or 0)

    def _open_of(self, owner: str) -> set[str]:
        return {i.decode() for i in self.client.smembers(self.ledger.keys.open_of(owner))}

    def _is_its(self, owner: str, job_id: str) -> None:
        assert self.owners[job_id] == owner

    def _comes(self, job: ChatJob) -> None:
        self.ids.append(job.id)
        self.owners[job.id] = job.owner

    def _answers(self, job_id: str) -> None:
        assert job_id in self.ids
        assert self.ledger.state(job_id) != "cancelled"

    def _last(self, job_id: str) -> int:
        return int(self.ledger.record(job_id)["last_seq"])

    def _members(self, key: str) -> set[str]:
        return {member.decode() for member in self.client.zrange(key, 0, -1)}


@pytest.fixture
def machine(redis_server: RedisServer) -> type[LedgerMachine]:
    """The machine, on the tests' Redis."""
    LedgerMachine.url = redis_server.url
    return LedgerMachine


def draw(machine: type[LedgerMachine], examples: int, steps: int) -> bool:
    """So many histories of at most so many steps; True when the books balanced in all of them."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return True


def test_the_books_balance_whatever_happens(machine: type[LedgerMachine]) -> None:
    """Jobs are where their states say, logs have no gap, ends are one and stay."""
    assert draw(machine, examples=40, steps=60)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_books_balance_for_longer(machine: type[LedgerMachine]) -> None:
    """The same with seven times the histories, and longer ones."""
    assert draw(machine, examples=300, steps=120)
