"""Who begins next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.jobs import Sampling
from worker.engine.line import AGEING_S, Line
from worker.engine.request import Request
from worker.engine.sequence import Sequence


def _sequences(name: str, n: int = 1, priority: int = 0, prompts: int = 1) -> list[Sequence]:
    request = Request(name, ((1, 2, 3),) * prompts, Sampling(), 1, n=n, priority=priority)
    return [Sequence(request, index, 100) for index in range(request.choices)]


def _always(_: Sequence) -> bool:
    return True


def _taken(line: Line, free: int) -> list[str]:
    names = []
    while (sequence := line.take(free, _always)) is not None:
        names.append(sequence.request.id)
        free -= 1
    return names


def test_first_come_first_served() -> None:
    """Within a priority the order is that of arrival."""
    line = Line()
    for at, name in enumerate("abc"):
        line.join(_sequences(name), float(at))
    assert _taken(line, 3) == ["a", "b", "c"]


def test_a_lower_priority_waits_but_not_for_ever() -> None:
    """It is served behind what came up to its handicap later, and before what came after that."""
    line = Line()
    line.join(_sequences("batch", priority=1), 0.0)
    line.join(_sequences("soon"), AGEING_S - 1)
    line.join(_sequences("late"), AGEING_S + 1)
    assert _taken(line, 3) == ["soon", "batch", "late"]


def test_choices_of_one_prompt_begin_together() -> None:
    """Three choices wait for three slots, and nobody overtakes them meanwhile."""
    line = Line()
    line.join(_sequences("three", n=3), 0.0)
    line.join(_sequences("one"), 1.0)
    assert _taken(line, 2) == []
    assert _taken(line, 4) == ["three", "three", "three", "one"]


def test_prompts_of_one_request_begin_one_by_one() -> None:
    """Two prompts need no two slots at once."""
    line = Line()
    line.join(_sequences("two", prompts=2), 0.0)
    assert _taken(line, 1) == ["two"]
    assert len(line) == 1


def test_one_that_waits_for_a_copy_lets_others_pass() -> None:
    """Who is not ready is skipped, and goes first once it is."""
    line = Line()
    line.join(_sequences("waits"), 0.0)
    line.join(_sequences("passes"), 1.0)
    passing = line.take(2, lambda sequence: sequence.request.id != "waits")
    assert passing is not None
    assert passing.request.id == "passes"
    assert _taken(line, 1) == ["waits"]


def test_slots_are_kept_for_choices_that_wait_for_their_first() -> None:
    """While the first of three computes the prompt, nobody takes the slots of the other two."""
    line = Line()
    line.join(_sequences("three", n=3), 0.0)
    line.join(_sequences("other"), 1.0)
    first = line.take(3, _always)
    assert first is not None
    assert line.take(2, lambda sequence: sequence.request.id != "three") is None
    assert _taken(line, 2) == ["three", "three"]


def test_leaving_forgets_a_request() -> None:
    """All of its choices."""
    line = Line()
    line.join(_sequences("gone", n=2), 0.0)
    line.join(_sequences("stays"), 1.0)
    line.leave(["gone"])
    assert _taken(line, 4) == ["stays"]


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=12
    ),
    st.randoms(use_true_random=False),
)
def test_everybody_begins_once(arrivals: list[tuple[int, int, int]], random: object) -> None:
    """With four slots that free themselves one by one, every sequence begins exactly once."""
    line = Line()
    for at, (n, priority, prompts) in enumerate(arrivals):
        line.join(_sequences(f"r{at}", n, priority, prompts), float(at))
    wanted = {
        (f"r{at}", i) for at, (n, _, prompts) in enumerate(arrivals) for i in range(n * prompts)
    }
    running: list[Sequence] = []
    begun: list[tuple[str, int]] = []
    for _ in range(10 * len(wanted)):
        while (sequence := line.take(4 - len(running), _always)) is not None:
            running.append(sequence)
            begun.append((sequence.request.id, sequence.index))
            assert len(running) <= 4
        if running:
            running.pop(random.randrange(len(running)))  # type: ignore[attr-defined]
    assert len(begun) == len(set(begun))
    assert set(begun) == wanted
