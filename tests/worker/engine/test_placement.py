"""Which slot a sequence gets, and which memory it uses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.engine.placement import COPY_LEAST, Held, Placement, place, usable

CONTEXT = 2048
SYSTEM = list(range(1000, 1100))
TOKENS = st.lists(st.integers(0, 2), max_size=40)


def _empty(slot: int) -> Held:
    return Held(slot, [], running=False, used=0)


def test_a_conversation_goes_on_where_it_was() -> None:
    """The slot that holds all of what was said keeps it, whichever was idle longer."""
    said = [*SYSTEM, 1, 2, 3]
    memories = [Held(0, [*SYSTEM, 9], False, 1), Held(1, said, False, 5), _empty(2)]
    assert place(memories, [*said, 4, 5], context=CONTEXT, reuse=True) == Placement(1, 1, 103)


def test_a_shared_beginning_is_copied_from_a_running_slot() -> None:
    """Of what a running answer holds the common part is taken into an idle slot."""
    memories = [Held(0, [*SYSTEM, *range(200)], True, 7), _empty(1)]
    assert place(memories, [*SYSTEM, 500, 501], context=CONTEXT, reuse=True) == Placement(1, 0, 100)


def test_a_long_memory_is_not_given_up_for_its_beginning() -> None:
    """An idle conversation of which little is common is copied from, and stays."""
    memories = [Held(0, [*SYSTEM, *range(500)], False, 7), Held(1, [5] * 300, False, 3)]
    assert place(memories, [*SYSTEM, 777, 1], context=CONTEXT, reuse=True) == Placement(1, 0, 100)


def test_a_short_beginning_is_computed_again() -> None:
    """Copying would take longer."""
    memories = [Held(0, [1] * (COPY_LEAST - 1), True, 7), _empty(1)]
    assert place(memories, [1] * 100, context=CONTEXT, reuse=True) == Placement(1, 1, 0)


def test_the_least_recently_used_slot_goes_first() -> None:
    """Where nothing is common, the memory is given up that was idle longest."""
    memories = [Held(0, [1, 2], False, 9), Held(1, [3, 4], False, 4), Held(2, [5], False, 6)]
    assert place(memories, [8, 8, 8], context=CONTEXT, reuse=True) == Placement(1, 1, 0)


def test_without_reuse_nothing_is_kept() -> None:
    """``cache_prompt: false`` computes every token."""
    memories = [Held(0, [1, 2, 3], False, 9)]
    assert place(memories, [1, 2, 3, 4], context=CONTEXT, reuse=False) == Placement(0, 0, 0)


def test_slots_stay_close_together() -> None:
    """Beside running slots the next idle one is taken, though a far one was idle longer."""
    memories = [Held(slot, [], 4 <= slot < 6, 10 - slot // 2) for slot in range(16)]
    assert place(memories, [1, 2, 3], context=CONTEXT, reuse=True).slot == 6


def test_a_gap_is_made_only_for_what_is_remembered() -> None:
    """A slot two further on that holds the conversation is worth a gap; one much further is not."""
    known = [*range(50), 1]
    memories = [Held(slot, [], slot == 0, 0) for slot in range(8)]
    memories[3] = Held(3, known[:50], False, 1)
    assert place(memories, known, context=CONTEXT, reuse=True) == Placement(3, 3, 50)
    memories[3], memories[6] = Held(3, [], False, 0), Held(6, known[:50], False, 1)
    assert place(memories, known, context=CONTEXT, reuse=True) == Placement(1, 6, 50)


@given(
    held=st.lists(st.tuples(TOKENS, st.booleans(), st.integers(0, 9)), min_size=1, max_size=8),
    known=st.lists(st.integers(0, 2), min_size=1, max_size=40),
    reuse=st.booleans(),
)
def test_a_place_is_always_sound(
    held: list[tuple[list[int], bool, int]], known: list[int], reuse: bool
) -> None:
    """The slot is idle, what is kept is a true prefix, and at least one token is left to feed."""
    memories = [Held(slot, *each) for slot, each in enumerate(held)]
    memories.append(_empty(len(memories)))
    found = place(memories, known, context=CONTEXT, reuse=reuse)
    assert not memories[found.slot].running
    assert found.tokens < len(known)
    assert list(memories[found.source].tokens[: found.tokens]) == known[: found.tokens]


@given(TOKENS, st.lists(st.integers(0, 2), min_size=1, max_size=40))
def test_the_usable_prefix_is_the_longest(held: list[int], known: list[int]) -> None:
    """Found by halving, it is what comparing one by one finds."""
    count = usable(held, known)
    assert held[:count] == known[:count]
    assert count == min(len(held), len(known) - 1) or held[count] != known[count]
