"""How much of the prompts a step takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.engine.pace import LEAST, LONGEST_STEP_MS, MOST, Pace

LENGTHS = st.lists(st.integers(1, 5000), min_size=1, max_size=32)


def test_one_prompt_doubles_a_step_of_many_answers() -> None:
    """The tokens of the prompt take as long as the step without them, or a little less."""
    pace = Pace(step_ms=40, token_ms=1)
    assert 24 <= pace.prompt_tokens(4, [2000]) <= 40


def test_many_prompts_beside_one_answer_get_most_of_the_time() -> None:
    """Seven prompts that wait count for more than the one answer that flows."""
    pace = Pace(step_ms=10, token_ms=1)
    assert pace.prompt_tokens(1, [50] * 7) >= 2 * pace.prompt_tokens(1, [50])


def test_alone_the_oldest_prompt_goes_at_once() -> None:
    """Without running answers a prompt is fed whole, and the next one waits for its first token."""
    assert Pace(step_ms=10, token_ms=1).prompt_tokens(0, [300, 300]) == 300


def test_a_slow_model_keeps_its_steps_short() -> None:
    """A step alone lasts no longer than what cancelling may wait for."""
    pace = Pace(step_ms=100, token_ms=20)
    assert pace.prompt_tokens(0, [4000]) * 20 <= LONGEST_STEP_MS


@given(
    LENGTHS,
    st.integers(0, 32),
    st.one_of(st.none(), st.floats(0.1, 1e4)),
    st.one_of(st.none(), st.floats(0.001, 1e3)),
)
def test_prompts_always_advance_and_never_flood(
    prompts: list[int], answers: int, step_ms: float | None, token_ms: float | None
) -> None:
    """Whatever was measured, a step takes between the least and the most."""
    assert LEAST <= Pace(step_ms, token_ms).prompt_tokens(answers, prompts) <= MOST


def test_without_prompts_nothing_is_planned_for_them() -> None:
    """No prompt, no tokens."""
    assert Pace(10, 1).prompt_tokens(3, []) == 0


def test_what_is_measured_follows_the_machine() -> None:
    """Steps that take twice as long are believed after a few."""
    pace = Pace()
    for _ in range(20):
        pace.measured(4, 0, 20.0)
        pace.measured(4, 10, 30.0)
    assert 19 < (pace.step_ms or 0) < 21
    assert 0.9 < (pace.token_ms or 0) < 1.1
    for _ in range(20):
        pace.measured(4, 0, 40.0)
    assert (pace.step_ms or 0) > 39


def test_almost_equal_clocks_give_equal_pieces() -> None:
    """A few percent of noise do not change how a prompt is cut."""
    pieces = {
        Pace(step_ms=40 * noise, token_ms=1).prompt_tokens(4, [999]) for noise in (0.9, 1, 1.1)
    }
    assert len(pieces) == 1
