"""The description holds: whatever is generated from it is answered as it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.openapi.document import document
from tests.acceptance.generated import LEFT_OUT, NAMES, Generated, strict
from tests.acceptance.stack import ADMIN_KEY, Stack

ROOT = Path(__file__).resolve().parents[2]
MODELS = Path(__file__).with_name("openapi_models.toml")


@pytest.fixture
def stack_of_echoes(tmp_path: Path) -> Iterator[Stack]:
    """A stack of its own, which generated requests may unload, fill and empty."""
    stack = Stack(tmp_path, models=MODELS)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def generated(stack_of_echoes: Stack) -> Iterator[Generated]:
    """Requests that are made up as the tests go."""
    generated = Generated(stack_of_echoes)
    yield generated
    generated.close()


def test_generated_requests_are_answered_as_described(generated: Generated) -> None:
    """A few for each operation: no 5xx, no status, header or body that is not described."""
    generated.all_operations(valid=3, broken=1)
    assert generated.failures == {}


@pytest.mark.slow
def test_two_thousand_systematic_requests_are_answered_as_described(
    stack_of_echoes: Stack, tmp_path: Path
) -> None:
    """Schemathesis itself, with every limit and type of every field, and along the links."""
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(strict(document())))
    ended = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", description),
            *("--url", stack_of_echoes.url, "--header", f"Authorization: Bearer {ADMIN_KEY}"),
            *("--phases", "examples,coverage,stateful", "--max-examples", "20"),
            *("--checks", ",".join(["not_a_server_error", *NAMES])),
            *("--continue-on-failure", "--request-timeout", "30", "--no-color"),
            *(each for name in LEFT_OUT for each in ("--exclude-operation-id", name)),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.acceptance.calm", "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    sent = re.search(r"(\d+) generated", ended.stdout)
    assert sent is not None, ended.stdout
    assert int(sent[1]) >= 2_000
