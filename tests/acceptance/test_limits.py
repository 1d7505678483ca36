"""Limits of API keys on the real stack: gunicorn's processes share them, a worker settles them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openai import BadRequestError, OpenAI, RateLimitError

from tests.acceptance.stack import Stack

MODELS = """
[[model]]
name = "echo"
kind = "chat"
source = "echo:"
tokens_per_s = 50
"""
LEFT = "x-ratelimit-remaining-tokens"


@pytest.fixture(scope="module")
def limiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with two API processes."""
    folder = tmp_path_factory.mktemp("limits")
    models = folder / "models.toml"
    models.write_text(MODELS)
    with Stack(folder, models, {"MILLRACE_API_WORKERS": "2"}) as stack:
        stack.start()
        yield stack


def client_of(stack: Stack, *, retries: int = 0, **limits: int) -> OpenAI:
    """OpenAI's own client, with a new key of these limits."""
    secret = stack.admin("POST", "keys", owner="ann", **limits).json()["key"]
    return OpenAI(base_url=f"{stack.url}/v1", api_key=secret, max_retries=retries, timeout=60)


def say(client: OpenAI, **changes: Any) -> Any:
    """A chat, with its headers."""
    asked: dict[str, Any] = {
        "model": "echo",
        "messages": [{"role": "user", "content": "one two three"}],
    }
    return client.chat.completions.with_raw_response.create(**(asked | changes))


def test_processes_share_a_keys_requests(limiting: Stack) -> None:
    """Of thirty asked for at once under a limit of ten, ten are answered, whoever took them."""
    client = client_of(limiting, requests_per_minute=10)

    def answered(_: int) -> bool:
        try:
            say(client)
        except RateLimitError:
            return False
        return True

    began = time.monotonic()
    with ThreadPoolExecutor(30) as pool:
        number = sum(pool.map(answered, range(30)))
    # One comes back in six seconds.
    assert 10 <= number <= 11 + (time.monotonic() - began) / 6


def test_the_official_client_waits_for_as_long_as_it_is_told(limiting: Stack) -> None:
    """With a minute's worth used up the next request is answered, a moment later."""
    client = client_of(limiting, retries=2, requests_per_minute=30)
    for _ in range(31):
        answer = say(client, max_tokens=1, temperature=0)
    assert answer.http_response.status_code == 200


def test_a_stream_that_its_client_leaves_costs_what_was_said(limiting: Stack) -> None:
    """Of a thousand tokens that were asked for, a few were computed."""
    client = client_of(limiting, tokens_per_minute=1_200)
    text = "word " * 60
    asked = {"messages": [{"role": "user", "content": text}], "max_tokens": 900, "stream": True}
    raw = say(client, **asked)
    assert int(raw.headers[LEFT]) < 300
    with raw.parse() as stream:
        for _, _chunk in zip(range(5), stream, strict=False):
            pass
    give_up_at = time.monotonic() + 15
    while int(client.models.with_raw_response.list().headers[LEFT]) < 300:
        assert time.monotonic() < give_up_at, "the tokens do not come back"
        time.sleep(0.1)


def test_what_no_minute_has_is_not_tried_again(limiting: Stack) -> None:
    """It is the request's own fault, and the official client says so at once."""
    with pytest.raises(BadRequestError) as refused:
        say(client_of(limiting, retries=2, tokens_per_minute=100), max_tokens=200)
    assert refused.value.code == "tokens_per_minute_exceeded"
