"""What serves a model, as workers say it."""

from __future__ import annotations

import pytest

from tasks.identities import Identities
from tasks.ledger import Ledger
from tasks.model import Model
from tasks.settings import QueueSettings


@pytest.fixture
def identities(ledger: Ledger, settings: QueueSettings) -> Identities:
    """The identities in the tests' Redis."""
    return Identities(ledger.redis, settings)


def a_model(**changes: object) -> Model:
    """A model of the echo runtime."""
    return Model(**({"name": "m", "kind": "chat", "source": "echo:"} | changes))  # type: ignore[arg-type]


def test_what_was_said_is_known(identities: Identities) -> None:
    """A model's identity is the one that its worker said last."""
    identities.say(a_model(), "first")
    identities.say(a_model(), "second")
    assert identities.of([a_model()]) == {"m": "second"}


def test_a_model_that_nobody_served_has_none(identities: Identities) -> None:
    """What was never said is left out."""
    identities.say(a_model(), "first")
    assert identities.of([a_model(name="other")]) == {}


def test_another_definition_has_none(identities: Identities) -> None:
    """What was said of a model's former definition is not its identity."""
    identities.say(a_model(), "first")
    assert identities.of([a_model(context=64)]) == {}


def test_an_alias_changes_nothing(identities: Identities) -> None:
    """A definition that computes the same has the same identity."""
    identities.say(a_model(), "first")
    assert identities.of([a_model(aliases=("n",))]) == {"m": "first"}
