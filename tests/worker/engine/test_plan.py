"""What is fed in a step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.engine.plan import Pending, Share, plan

PENDING = st.lists(st.integers(1, 500), max_size=16).map(
    lambda sizes: [Pending(slot, tokens) for slot, tokens in enumerate(sizes)]
)


def test_generating_slots_go_before_prompts() -> None:
    """A long prompt takes what the running answers leave of the budget."""
    assert plan([Pending(0, 100), Pending(1, 1), Pending(2, 1)], 10) == [
        Share(0, 8),
        Share(1, 1),
        Share(2, 1),
    ]


def test_the_oldest_prompt_is_fed_first() -> None:
    """A later prompt gets only what an earlier one leaves."""
    assert plan([Pending(3, 6), Pending(0, 6)], 8) == [Share(0, 2), Share(3, 6)]


@given(PENDING, st.integers(16, 600))
def test_the_budget_is_kept_and_no_slot_is_fed_twice(pending: list[Pending], budget: int) -> None:
    """Shares fit the budget, name distinct slots, and exceed nobody's pending tokens."""
    shares = plan(pending, budget)
    tokens = {entry.slot: entry.tokens for entry in pending}
    assert sum(share.tokens for share in shares) <= budget
    assert len({share.slot for share in shares}) == len(shares)
    assert all(0 < share.tokens <= tokens[share.slot] for share in shares)


@given(PENDING, st.integers(16, 600))
def test_every_generating_slot_advances_in_every_step(pending: list[Pending], budget: int) -> None:
    """No arrival can stop a running answer."""
    fed = {share.slot for share in plan(pending, budget)}
    assert {entry.slot for entry in pending if entry.tokens == 1} <= fed


@given(PENDING.filter(bool), st.integers(17, 600))
def test_all_prompts_are_fed_in_the_end(pending: list[Pending], budget: int) -> None:
    """Repeating the step feeds everything: nobody starves."""
    left = {entry.slot: entry.tokens for entry in pending}
    for _ in range(sum(left.values())):
        for share in plan([Pending(slot, n) for slot, n in left.items() if n], budget):
            left[share.slot] -= share.tokens
    assert not any(left.values())
