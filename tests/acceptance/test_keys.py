"""Keys on the real stack: gunicorn's processes, the command line and the keeper's batches."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from openai import AuthenticationError, NotFoundError, OpenAI

from tests.acceptance.stack import ADMIN_KEY, BIN, Stack

MODELS = """
[[model]]
name = "echo"
kind = "chat"
source = "echo:"

[[model]]
name = "echo-embed"
kind = "embed"
source = "echo:"
"""

LINE = (
    b'{"custom_id":"a","method":"POST","url":"/v1/embeddings",'
    b'"body":{"model":"echo-embed","input":"x"}}\n'
)
FIXED = "the-key-of-the-environment"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with two API processes that asks for keys."""
    folder = tmp_path_factory.mktemp("keys")
    models = folder / "models.toml"
    models.write_text(MODELS)
    extra = {"MILLRACE_API_KEY": FIXED, "MILLRACE_API_WORKERS": "2"}
    with Stack(folder, models, extra) as stack:
        stack.start()
        yield stack


def key_for(stack: Stack, owner: str, **worth: Any) -> str:
    """A new key."""
    secret: str = stack.admin("POST", "keys", owner=owner, **worth).json()["key"]
    return secret


def made_by_command(stack: Stack, owner: str) -> str:
    """A new key, of the command line."""
    ended = subprocess.run(
        [str(BIN / "millrace"), "keys", "create", owner],
        env=stack.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return str(ended.stdout.strip())


def statuses(http: httpx.Client, secret: str, times: int = 20) -> set[int]:
    """What requests with this key are answered, on a connection each: by both processes."""
    headers = {"Authorization": f"Bearer {secret}", "Connection": "close"}
    return {http.get("/v1/models", headers=headers).status_code for _ in range(times)}


@pytest.fixture
def http(guarded: Stack) -> Iterator[httpx.Client]:
    """Plain HTTP."""
    with httpx.Client(base_url=guarded.url, timeout=30) as http:
        yield http


def client_of(stack: Stack, secret: str) -> OpenAI:
    """OpenAI's own client, with this key."""
    return OpenAI(base_url=f"{stack.url}/v1", api_key=secret, max_retries=0, timeout=30)


def say(client: OpenAI, model: str = "echo") -> str | None:
    """What a model answers."""
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "one two"}]
    )
    return answer.choices[0].message.content


def test_official_clients_are_let_in_by_their_key_and_told_when_it_is_wrong(
    guarded: Stack,
) -> None:
    """With the exception that they have for it."""
    assert say(client_of(guarded, FIXED))
    for secret in ("none", f"{FIXED}x", "mr-" + "a" * 43, ADMIN_KEY[:-1]):
        with pytest.raises(AuthenticationError) as refused:
            say(client_of(guarded, secret))
        assert refused.value.code == "invalid_api_key"


def test_a_revoked_key_is_refused_within_a_second_by_every_process(
    guarded: Stack, http: httpx.Client
) -> None:
    """Although both had just served it; requests that are on their way go on."""
    secret = made_by_command(guarded, "alice")
    listed = guarded.admin("GET", "keys").json()["data"]
    [key] = [each for each in listed if each["hint"] == secret[-4:]]
    assert statuses(http, secret) == {200}
    assert guarded.admin("DELETE", f"keys/{key['id']}").status_code == 200
    time.sleep(1)
    assert statuses(http, secret) == {401}


def test_owners_share_nothing(guarded: Stack, http: httpx.Client) -> None:
    """A job, a file, a batch and its results of one are a 404 for the other."""
    alice, bob = (client_of(guarded, key_for(guarded, owner)) for owner in ("ann", "bob"))
    file = alice.files.create(file=("in.jsonl", LINE), purpose="batch")
    batch = alice.batches.create(
        input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h"
    )
    give_up_at = time.monotonic() + 20
    while (ended := alice.batches.retrieve(batch.id)).status != "completed":
        assert time.monotonic() < give_up_at, ended
        time.sleep(0.05)
    assert ended.output_file_id
    job = http.post(
        "/v1/chat/completions",
        json={"model": "echo", "messages": [{"role": "user", "content": "x"}], "background": True},
        headers={"Authorization": f"Bearer {alice.api_key}"},
    ).json()["id"]
    for file_id in (file.id, ended.output_file_id):
        assert alice.files.content(file_id).read()
        with pytest.raises(NotFoundError):
            bob.files.content(file_id)
    with pytest.raises(NotFoundError):
        bob.batches.retrieve(batch.id)
    for secret, status in ((alice.api_key, 200), (bob.api_key, 404), (FIXED, 404)):
        headers = {"Authorization": f"Bearer {secret}"}
        assert http.get(f"/v1/jobs/{job}", headers=headers).status_code == status
    assert (list(bob.files.list()), list(bob.batches.list())) == ([], [])


def test_a_key_for_one_model_is_for_one_model(guarded: Stack) -> None:
    """Also in a batch, whose input the keeper reads."""
    secret = key_for(guarded, "carol", models=["echo"])
    client = client_of(guarded, secret)
    assert say(client)
    assert [model.id for model in client.models.list()] == ["echo"]
    refusals = set()
    for name in ("echo-embed", "nothing"):
        with pytest.raises(NotFoundError) as refused:
            client.embeddings.create(model=name, input="x")
        refusals.add(refused.value.message.replace(name, "X"))
    assert len(refusals) == 1
    file = client.files.create(file=("in.jsonl", LINE), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h"
    )
    give_up_at = time.monotonic() + 20
    while (failed := client.batches.retrieve(batch.id)).status != "failed":
        assert time.monotonic() < give_up_at, failed
        time.sleep(0.05)
    assert failed.errors is not None
    assert failed.errors.data is not None
    [error] = failed.errors.data
    assert (error.code, error.line, error.param) == ("model_not_found", 1, "body.model")


def test_a_restart_of_redis_locks_nobody_out(guarded: Stack, http: httpx.Client) -> None:
    """Who was known goes on meanwhile; nobody with a key is told that it is wrong."""
    secret = key_for(guarded, "dora")
    assert statuses(http, secret) == {200}
    guarded.kill_redis()
    seen: set[int] = set()
    give_up_at = time.monotonic() + 3
    while time.monotonic() < give_up_at:
        seen |= statuses(http, secret, times=1)
    guarded.wait_ready()
    # 503 from a process that had not seen the key of late.
    assert 200 in seen
    assert seen <= {200, 503}
    assert statuses(http, "no", times=1) == {401}


def test_no_log_holds_a_key(guarded: Stack, http: httpx.Client) -> None:
    """Of any part, whatever was asked above."""
    secret = key_for(guarded, "eve")
    say(client_of(guarded, secret))
    statuses(http, f"{secret}x", times=1)
    folder: Path = guarded.folder
    logs = "\n".join(file.read_text() for file in (folder / "log").iterdir()) + guarded.screen()
    assert "api key refused" in logs
    for known in (secret, secret[3:], FIXED, ADMIN_KEY):
        assert known not in logs
