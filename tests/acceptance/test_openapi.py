"""The description holds: whatever is generated from it is answered as it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.generated import Generated
from tests.acceptance.stack import Stack

MODELS = Path(__file__).with_name("openapi_models.toml")


@pytest.fixture
def generated(tmp_path: Path) -> Iterator[Generated]:
    """A stack with keys of its own, which generated requests may unload, fill and empty."""
    stack = Stack(tmp_path, models=MODELS)
    stack.start()
    generated = Generated(stack)
    yield generated
    generated.close()
    stack.stop()


def test_generated_requests_are_answered_as_described(generated: Generated) -> None:
    """A few for each operation: no 5xx, no status, header or body that is not described."""
    generated.all_operations(valid=4, broken=2)
    assert generated.failures == {}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_thousand_generated_requests_are_answered_as_described(generated: Generated) -> None:
    """The same with 2,000."""
    generated.all_operations(valid=36, broken=18)
    assert generated.failures == {}
    assert generated.sent >= 2_000
