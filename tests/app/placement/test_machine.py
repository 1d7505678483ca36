"""The plan under every order of events that can be thought of: a machine that draws them.

Requests, admins, nodes that die and come back, and time, in any order. That budgets hold, that
nobody loses its place who must not, and that the plan comes to rest is checked in every step of the
simulation; that everybody is served in the end, here.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.app.placement.pictures import a_model
from tests.app.placement.simulation import World

# Each model may keep a place for three turns of 8 steps; loading, the last jobs, and reports that
# come late are as much again.
STEPS_A_MODEL = 60
MOST_WAITING = 12

picks = st.integers(0, 1_000_000)
a_definition = st.fixed_dictionaries(
    {
        "preload": st.booleans(),
        "pinned": st.sampled_from((False, False, False, True)),
        "ttl_s": st.sampled_from((0.0, 0.0, 1.0, 4.0)),
        "replicas": st.sampled_from((1, 1, 2)),
    }
)


class PlacementMachine(RuleBasedStateMachine):
    """What clients, admins and machines may do to a fleet."""

    @initialize(
        models=st.lists(
            st.tuples(a_definition, st.sampled_from((60, 90, 120, 240))), min_size=2, max_size=6
        ),
        boxes=st.lists(st.sampled_from((150, 250, 300)), min_size=1, max_size=2),
    )
    def the_fleet_starts(self, models: list[tuple[dict[str, Any], int]], boxes: list[int]) -> None:
        self.world = World(
            {a_model(f"m{i}", **given): mib for i, (given, mib) in enumerate(models)},
            {f"n{i}": mib for i, mib in enumerate(boxes)},
        )

    @rule(pick=picks, count=st.integers(1, 5), steps=st.integers(1, 8))
    def requests_come(self, pick: int, count: int, steps: int) -> None:
        for _ in range(count):
            self.world.ask(self._name(pick), steps)

    @rule(pick=picks, wanted=st.booleans(), force=st.booleans())
    def an_admin_wishes(self, pick: int, wanted: bool, force: bool) -> None:
        self.world.wish(self._name(pick), wanted, force=force and not wanted)

    @rule(pick=picks)
    def a_node_dies(self, pick: int) -> None:
        self.world.kill(self._node(pick))

    @rule(pick=picks)
    def a_node_returns(self, pick: int) -> None:
        self.world.revive(self._node(pick))

    @rule(seed=picks, share=st.sampled_from((0.05, 0.3, 0.6)), steps=st.integers(10, 80))
    def everybody_asks(self, seed: int, share: float, steps: int) -> None:
        drawn = random.Random(seed)
        for _ in range(steps):
            for model in self.world.models:
                if drawn.random() < share and len(self.world.waiting[model.name]) < MOST_WAITING:
                    self.world.ask(model.name, drawn.randint(1, 6))
            self.world.step()

    @rule(steps=st.integers(1, 60))
    def time_passes(self, steps: int) -> None:
        for _ in range(steps):
            self.world.step()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for node in self.world.boxes:
            self.world.revive(node)
        # Whoever came back is heard of, and what it cannot hold is known.
        self.time_passes(4)
        world, since = self.world, self.world.steps
        while unserved := world.unserved():
            world.step()
            for name in unserved:
                waited = world.steps - max(since, world.began[name])
                assert waited < STEPS_A_MODEL * len(world.models), f"{name} is never served"

    def _name(self, pick: int) -> str:
        return self.world.models[pick % len(self.world.models)].name

    def _node(self, pick: int) -> str:
        return list(self.world.boxes)[pick % len(self.world.boxes)]


def draw(examples: int, steps: int) -> bool:
    """So many histories of at most so many events; True when the rules held in all of them."""
    run_state_machine_as_test(
        PlacementMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return True


def test_the_rules_hold_whatever_happens() -> None:
    """Budgets hold, pinned and busy models stay, everybody is served, and the plan rests."""
    assert draw(examples=40, steps=25)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_rules_hold_for_longer() -> None:
    """The same with ten times the histories, and longer ones."""
    assert draw(examples=400, steps=50)
