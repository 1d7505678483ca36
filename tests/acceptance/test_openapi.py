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
from tests.acceptance.generated import LEFT_OUT, NAMES, SERVED, Generated, strict
from tests.acceptance.stack import ADMIN_KEY, Stack

ROOT = Path(__file__).resolve().parents[2]
MODELS = Path(__file__).with_name("openapi_models.toml")


@pytest.fixture(scope="module")
def stack_of_echoes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of their own, which generated requests may unload, fill and empty."""
    with Stack(tmp_path_factory.mktemp("echoes"), models=MODELS) as stack:
        stack.start(timeout_s=100)
        yield stack


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


def test_refusals_are_answered_as_described(generated: Generated) -> None:
    """Those that no generated request brings about, each once."""
    chat, free = "/v1/chat/completions", generated.key()
    slow, other = generated.key(requests_per_minute=1), generated.key(models=["echo-embed"])
    body = SERVED[chat]
    twice, stale = {"Idempotency-Key": "a"}, {"Cache-Control": "only-if-cached"}
    long = {"model": "echo", "messages": [{"role": "user", "content": "a " * 2_000}]}
    large = {"model": "echo", "prompt": "a" * 17_000_000}
    asked = [
        ("POST", chat, None, {"body": body}, 401),
        ("GET", "/v1/models", "mr-nobody", {}, 401),
        ("GET", "/admin/nodes", free, {}, 401),
        ("POST", chat, slow, {"body": body}, 200),
        ("POST", chat, slow, {"body": body}, 429),
        ("POST", chat, other, {"body": body}, 404),
        ("POST", chat, free, {"body": long}, 400),
        ("POST", chat, free, {"body": body, "headers": twice}, 200),
        ("POST", chat, free, {"body": {**body, "seed": 1}, "headers": twice}, 409),
        ("POST", chat, free, {"body": body, "headers": stale}, 504),
        ("POST", "/v1/completions", free, {"body": large}, 413),
        ("POST", "/tokenize", free, {"body": {"model": "unused", "content": "a"}}, 503),
    ]
    answered = [generated.one(method, path, key, **sent) for method, path, key, sent, _ in asked]
    assert answered == [status for *_, status in asked]
    assert generated.failures == {}


@pytest.mark.slow
@pytest.mark.timeout(300)
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
            *("--phases", "examples,coverage,stateful", "--max-examples", "10"),
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
