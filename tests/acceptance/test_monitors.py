"""What watches Celery's events: Flower, and whoever records them."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator

import httpx2 as httpx
import pytest

from tests.acceptance.stack import BIN, Stack
from tests.acceptance.test_disconnect import wait_for
from tests.conftest import free_port

QUEUES = {"chat.smollm2-135m", "embed.minilm-l6", "chat.echo", "chat.slow", "keeper"}
SECRET = "nothing-for-a-monitor"
LOGIN = ("admin", "a-password-of-this-test")


@pytest.fixture(scope="module")
def flower(stack: Stack) -> Iterator[httpx.Client]:
    """Flower as in docker-compose.yml; it asks all workers for their events as it starts."""
    port = free_port()
    process = subprocess.Popen(
        [BIN / "celery", "-A", "app.keeper", "flower", "--address=127.0.0.1", f"--port={port}"],
        env=stack.environment | {"FLOWER_BASIC_AUTH": ":".join(LOGIN)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=LOGIN, timeout=20) as client:
        yield client
    process.terminate()
    process.wait(timeout=20)


def workers(flower: httpx.Client) -> set[str]:
    """The queues whose workers it sees."""
    try:
        answer = flower.get("/api/workers?refresh=1")
    except httpx.TransportError:
        return set()
    return {name.split("@")[0] for name in answer.json()} if answer.status_code == 200 else set()


def test_flower_sees_workers_and_tickets_and_no_prompt(stack: Stack, flower: httpx.Client) -> None:
    """Every worker, each ticket with the id of its job, and nothing of what was asked."""
    wait_for(lambda: workers(flower) == QUEUES, 60)
    watched = stack.ledger.redis.pubsub()
    watched.psubscribe("*celeryev*")
    assert watched.get_message(timeout=5) is not None  # it is subscribed
    heard: list[bytes] = []

    def tasks() -> str:
        answer = stack.client.chat.completions.create(
            model="echo", messages=[{"role": "user", "content": f"{SECRET} {len(heard)}"}]
        )
        assert SECRET in (answer.choices[0].message.content or "")
        while message := watched.get_message(timeout=0.5):
            heard.append(base64.b64decode(json.loads(message["data"])["body"]))
        return flower.get("/api/tasks").text

    # Workers begin to send when its command has reached them, which nobody tells.
    wait_for(lambda: "millrace.chat" in tasks(), 30)
    shown = tasks()
    assert '"state": "SUCCESS"' in shown
    assert SECRET not in shown
    assert SECRET not in flower.get("/").text
    assert any(b"task-succeeded" in event for event in heard)
    assert all(SECRET.encode() not in event for event in heard)
    watched.close()


def test_flower_asks_for_the_password(stack: Stack, flower: httpx.Client) -> None:
    """Whoever has none sees no worker."""
    wait_for(lambda: workers(flower) != set(), 60)
    assert flower.get("/api/workers", auth=("admin", "wrong")).status_code == 401
