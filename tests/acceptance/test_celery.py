"""Celery's own tools, while a worker generates."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from tests.acceptance.stack import BIN, Stack
from tests.acceptance.test_disconnect import Caller, busy, wait_for


def inspect(stack: Stack, command: str) -> tuple[dict[str, Any], str]:
    """What ``celery -A worker inspect`` answers, parsed and as text."""
    ran = subprocess.run(
        [BIN / "celery", "-A", "worker", "inspect", command, "--json", "--timeout", "2"],
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(ran.stdout), ran.stdout


def test_inspect_answers_while_generating_and_shows_no_prompt(stack: Stack) -> None:
    """ping, active, active_queues, stats and slots name workers, queues and ids, never a text."""
    secret = "the-secret-of-the-mill"
    wait_for(lambda: busy(stack) == 0, 20)
    message = {"role": "user", "content": f"{secret} " * 300}
    caller = Caller(stack, model="slow", stream=True, messages=[message])
    wait_for(lambda: busy(stack) == 1, 5)
    answers = {
        name: inspect(stack, name)
        for name in ("ping", "active", "active_queues", "stats", "slots", "models")
    }
    assert busy(stack) == 1, "the job was over before the last command"
    caller.leave()

    nodes = {node.split("@")[0]: node for node in answers["ping"][0]}
    queues = {"chat.smollm2-135m", "embed.minilm-l6", "chat.echo", "chat.slow", "keeper"}
    assert set(nodes) == queues
    slow = nodes["chat.slow"]
    [active] = answers["active"][0][slow]
    assert active["name"] == "millrace.chat"
    assert len(active["args"]) == 1
    assert [q["name"] for q in answers["active_queues"][0][slow]] == ["chat.slow"]
    assert answers["stats"][0][slow]["pool"]["max-concurrency"] == 4
    slots = answers["slots"][0][slow]
    assert set(slots) == {"0", "1", "2", "3"}
    [busy_one] = [slot for slot in slots.values() if slot["state"] != "idle"]
    assert busy_one["job"]
    assert busy_one["position"] >= busy_one["prompt_tokens"] > 300
    [told] = [answers["models"][0][node] for node in answers["models"][0] if node == slow]
    assert (told["name"], told["state"], told["kind"]) == ("slow", "ready", "chat")
    assert answers["models"][0][nodes["keeper"]] == {}
    assert answers["slots"][0][nodes["keeper"]] == {}
    assert all(secret not in text for _, text in answers.values())


def test_no_log_holds_a_prompt(stack: Stack) -> None:
    """Logs have ids and durations; the texts of requests are nowhere in them."""
    secret = "what-only-the-client-knows"
    stack.client.chat.completions.create(
        model="echo", messages=[{"role": "user", "content": secret}]
    )
    time.sleep(0.2)
    for file in (stack.folder / "log").iterdir():
        assert secret not in file.read_text()


def test_tickets_carry_no_prompt(stack: Stack) -> None:
    """What waits in a queue is a ticket: an id."""
    secret = "not-in-the-queue"
    message = {"role": "user", "content": f"{secret} " * 300}
    wait_for(lambda: busy(stack) == 0, 20)
    callers = [Caller(stack, model="slow", stream=True, messages=[message]) for _ in range(8)]
    wait_for(lambda: stack.ledger.waiting("chat.slow") == 4, 5)
    wait_for(lambda: stack.records.queue("chat.slow").tickets >= 1, 5)
    tickets = stack.ledger.redis.lrange("chat.slow", 0, -1)
    for caller in callers:
        caller.leave()
    assert all(secret.encode() not in ticket for ticket in tickets)
    wait_for(lambda: busy(stack) == 0, 10)
