"""The cache with real workers behind it: what they say of themselves is what it goes by."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from tasks.gateway import Gateway
from tasks.identities import Identities
from tests.app.asking import ask

WAIT_S = 10


@pytest.fixture(autouse=True)
def _vouched_for(workers: object, gateway: Gateway) -> None:
    """Both workers have said what they serve."""
    identities = Identities(gateway.redis, gateway.settings)
    give_up_at = time.monotonic() + WAIT_S
    while len(identities.of(gateway.catalog)) < 2:
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def test_what_a_worker_answered_is_kept(http: FlaskClient) -> None:
    """Its usage as well, whole and as a stream."""
    first, second = (ask(http, temperature=0) for _ in range(2))
    assert [each.headers["x-cache"] for each in (first, second)] == ["miss", "hit"]
    assert first.json["choices"] == second.json["choices"]
    assert first.json["usage"] == second.json["usage"]
    assert "one two three" in ask(http, temperature=0, stream=True).text


def test_log_probabilities_are_kept(http: FlaskClient) -> None:
    """Of every token."""
    asked: dict[str, Any] = {"temperature": 0, "logprobs": True, "top_logprobs": 2}
    first, second = (ask(http, **asked) for _ in range(2))
    assert second.headers["x-cache"] == "hit"
    assert first.json["choices"] == second.json["choices"]


def test_what_a_worker_embedded_is_kept(http: FlaskClient) -> None:
    """With the tokens of each input: usage is that of a request that nothing was kept of."""

    def embed(*texts: str, **headers: str) -> Any:
        body = {"model": "echo-embed", "input": list(texts)}
        return http.post("/v1/embeddings", json=body, headers=headers)

    embed("one", "three four")
    some = embed("two", "one", "three four", "two")
    assert some.headers["x-cache-inputs"] == "2/4"
    fresh = embed("two", "one", "three four", "two", **{"Cache-Control": "no-cache"})
    assert fresh.headers["x-cache"] == "miss"
    assert some.json == fresh.json
