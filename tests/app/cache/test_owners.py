"""Two owners who ask the same, again and again and at once: neither is given the other's."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import request
from flask.testing import FlaskClient

from tasks.jobs import ChatJob, EmbedJob
from tests.app.cache.playing import CHAT, EMBED, Player

TRIES = 1_000
QUESTIONS = 25


def asked(http: FlaskClient, owner: str, kind: str, number: int) -> Any:
    """One of the questions, by one of the owners."""
    client, headers = http.application.test_client(), {"X-Owner": owner}
    if kind == "embed":
        body: dict[str, Any] = {"model": EMBED, "input": f"text {number}"}
        return client.post("/v1/embeddings", json=body, headers=headers, buffered=True)
    message = {"role": "user", "content": f"question {number}"}
    body = {"model": CHAT, "messages": [message], "temperature": 0, "stream": kind == "stream"}
    return client.post("/v1/chat/completions", json=body, headers=headers, buffered=True)


def subject(job: Any) -> str:
    """What a job is about."""
    if isinstance(job, EmbedJob):
        return job.texts[0]
    assert isinstance(job, ChatJob)
    return job.messages[0].content


def test_nothing_is_shared_in_a_thousand_tries(
    http: FlaskClient, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer that an owner got was computed for that owner, however the two met."""
    monkeypatch.setattr("app.answering.owner_of", lambda key: request.headers["X-Owner"])
    dice = random.Random(7)
    tries = [
        (
            dice.choice(("alice", "bob")),
            dice.choice(("chat", "stream", "embed")),
            dice.randrange(QUESTIONS),
        )
        for _ in range(TRIES)
    ]
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda each: asked(http, *each), tries))
    assert {answer.status_code for answer in answers} == {200}
    wanted = {
        (owner, f"{'text' if kind == 'embed' else 'question'} {number}")
        for owner, kind, number in tries
    }
    assert {(job.owner, subject(job)) for job in player.jobs} == wanted
    saved = sum(answer.headers["x-cache"] in ("hit", "coalesced") for answer in answers)
    assert saved == TRIES - len(player.jobs)
    assert saved > TRIES / 2
