"""How much of the prompts a step takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.engine.pace import LEAST, LONGEST_STEP_MS, MOST, Pace, Prompt

LENGTHS = st.lists(
    st.integers(1, 5000).flatmap(
        lambda whole: st.builds(Prompt, st.integers(1, whole), st.just(whole))
    ),
    min_size=1,
    max_size=32,
)


def _whole(*lengths: int) -> list[Prompt]:
    return [Prompt(length, length) for length in lengths]


def test_one_long_prompt_doubles_a_step_of_many_answers() -> None:
    """Its piece takes as long as the step without it, or a little less."""
    pace = Pace({4: 40}, token_ms=1)
    assert 20 <= pace.prompt_tokens(4, _whole(2000)) <= 40


def test_many_prompts_beside_one_answer_get_most_of_the_time() -> None:
    """Seven prompts that wait count for more than the one answer that flows."""
    pace = Pace({1: 10}, token_ms=1)
    assert pace.prompt_tokens(1, _whole(*[500] * 7)) >= 4 * pace.prompt_tokens(1, _whole(500))


def test_a_short_prompt_goes_at_once() -> None:
    """It is not cut up, however many answers are running; the last piece of a long one is."""
    pace = Pace({16: 20}, token_ms=0.5)
    assert pace.prompt_tokens(16, _whole(50)) == 50
    assert pace.prompt_tokens(16, [Prompt(50, 2000)]) < 50


def test_short_prompts_go_together_and_whole() -> None:
    """As many as take four steps: of those that do not fit none is begun."""
    pace = Pace({8: 15}, token_ms=0.5)
    assert pace.prompt_tokens(8, _whole(50, 50, 50)) == 100
    assert pace.prompt_tokens(8, _whole(50, 2000)) == 50


def test_while_more_wait_than_are_answered_they_go_in_groups() -> None:
    """Of ten short prompts beside one answer, or none, six are one step: what pays to share."""
    for answers in (0, 1):
        assert Pace({1: 4}, token_ms=0.5).prompt_tokens(answers, _whole(*[40] * 10)) == 240


def test_alone_the_oldest_prompt_goes_at_once() -> None:
    """Without running answers a prompt is fed whole, and the next one waits for its first token."""
    assert Pace({1: 10}, token_ms=1).prompt_tokens(0, _whole(300, 300)) == 300


def test_a_slow_model_keeps_its_steps_short() -> None:
    """A step alone lasts no longer than what cancelling may wait for."""
    pace = Pace({1: 100}, token_ms=20)
    assert pace.prompt_tokens(0, _whole(4000)) * 20 <= LONGEST_STEP_MS


@given(
    LENGTHS,
    st.integers(0, 32),
    st.dictionaries(st.integers(1, 32), st.floats(0.1, 1e4), max_size=4),
    st.one_of(st.none(), st.floats(0.001, 1e3)),
)
def test_prompts_always_advance_and_never_flood(
    prompts: list[Prompt], answers: int, steps_ms: dict[int, float], token_ms: float | None
) -> None:
    """Whatever was measured, a step takes the least or the whole oldest prompt, and no flood."""
    taken = Pace(steps_ms, token_ms).prompt_tokens(answers, prompts)
    assert min(LEAST, prompts[0].left) <= taken <= MOST


def test_without_prompts_nothing_is_planned_for_them() -> None:
    """No prompt, no tokens."""
    assert Pace({1: 10}, 1).prompt_tokens(3, []) == 0


def test_what_is_measured_follows_the_machine() -> None:
    """Steps that take twice as long are believed in the end."""
    pace = Pace()
    for _ in range(20):
        pace.measured(4, 0, 20.0)
        pace.measured(4, 10, 30.0)
    assert 19 < pace.steps_ms[4] < 21
    assert 0.9 < (pace.token_ms or 0) < 1.1
    for _ in range(80):
        pace.measured(4, 0, 40.0)
    assert pace.steps_ms[4] > 39


def test_a_hiccup_does_not_count_for_much() -> None:
    """Two steps that took three times as long leave the estimate where it was, nearly."""
    pace = Pace({4: 10.0}, 1)
    pace.measured(4, 0, 30.0)
    pace.measured(4, 0, 30.0)
    assert pace.steps_ms[4] < 12


def test_a_number_of_answers_not_seen_yet_is_estimated() -> None:
    """From the nearest one that was: more answers take longer, but not in proportion."""
    known, more = Pace({2: 10}, 1), Pace({2: 10, 8: 40}, 1)
    assert LEAST <= known.prompt_tokens(8, _whole(9000)) < 4 * known.prompt_tokens(2, _whole(9000))
    assert more.prompt_tokens(8, _whole(9000)) > known.prompt_tokens(8, _whole(9000))


def test_almost_equal_clocks_give_equal_pieces() -> None:
    """A few percent of noise do not change how a prompt is cut."""
    pieces = {
        Pace({4: 40 * noise}, token_ms=1).prompt_tokens(4, _whole(999)) for noise in (0.9, 1, 1.1)
    }
    assert len(pieces) == 1
