"""What is fed in a step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.engine.plan import Pending, PendingPicture, Share, plan

PENDING = st.lists(st.tuples(st.integers(1, 500), st.booleans()), max_size=16).map(
    lambda drawn: [
        Pending(slot, 1 if generating else tokens, generating)
        for slot, (tokens, generating) in enumerate(drawn)
    ]
)


def _answer(slot: int) -> Pending:
    return Pending(slot, 1, generating=True)


def _prompt(slot: int, tokens: int) -> Pending:
    return Pending(slot, tokens, generating=False)


def test_answers_advance_beside_a_piece_of_a_prompt() -> None:
    """A long prompt takes what it is given, and every running answer its token."""
    assert plan([_prompt(0, 100), _answer(1), _answer(2)], 8) == [
        Share(0, 8),
        Share(1, 1),
        Share(2, 1),
    ]


def test_the_oldest_prompt_is_fed_first() -> None:
    """A later prompt gets only what an earlier one leaves."""
    assert plan([_prompt(3, 6), _prompt(0, 6)], 8) == [Share(0, 2), Share(3, 6)]


def test_one_picture_is_encoded_in_a_step() -> None:
    """A second one waits for the next step, while prompts of text behind it are fed."""
    pictures = [PendingPicture(slot, 16, False, whole=False) for slot in (0, 1)]
    assert plan([*pictures, _prompt(2, 8), _answer(3)], 64) == [
        Share(0, 16),
        Share(2, 8),
        Share(3, 1),
    ]


def test_a_piece_that_belongs_together_is_fed_whole() -> None:
    """Also where it is more than the step was to take; nothing comes behind it then."""
    picture = PendingPicture(0, 256, False, whole=True)
    assert plan([picture, _prompt(1, 8)], 6) == [Share(0, 256)]
    assert plan([_prompt(1, 8), picture], 6) == [Share(1, 6)]


def test_a_piece_that_may_be_cut_is() -> None:
    """Like text."""
    assert plan([PendingPicture(0, 256, False, whole=False)], 6) == [Share(0, 6)]


@given(PENDING, st.integers(16, 600))
def test_the_budget_is_kept_and_no_slot_is_fed_twice(pending: list[Pending], budget: int) -> None:
    """Shares of prompts fit the budget, name distinct slots, and exceed nobody's tokens."""
    shares = plan(pending, budget)
    of = {entry.slot: entry for entry in pending}
    prompts = [share for share in shares if not of[share.slot].generating]
    assert sum(share.tokens for share in prompts) <= budget
    assert len({share.slot for share in shares}) == len(shares)
    assert all(0 < share.tokens <= of[share.slot].tokens for share in shares)


@given(PENDING, st.integers(0, 600))
def test_every_running_answer_advances_in_every_step(pending: list[Pending], budget: int) -> None:
    """No arrival can stop a running answer."""
    fed = {share.slot for share in plan(pending, budget)}
    assert {entry.slot for entry in pending if entry.generating} <= fed


@given(PENDING.filter(bool), st.integers(1, 600))
def test_all_prompts_are_fed_in_the_end(pending: list[Pending], budget: int) -> None:
    """Repeating the step feeds everything, the oldest first: nobody starves."""
    left = {entry.slot: entry for entry in pending}
    for _ in range(sum(entry.tokens for entry in pending)):
        for share in plan([entry for entry in left.values() if entry.tokens], budget):
            entry = left[share.slot]
            left[share.slot] = Pending(entry.slot, entry.tokens - share.tokens, entry.generating)
    assert not any(entry.tokens for entry in left.values())
