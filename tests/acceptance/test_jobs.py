"""Jobs that outlive their clients and the API, on the real stack."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx

from tests.acceptance.stack import Stack
from tests.acceptance.test_disconnect import busy, wait_for

TEXT = " ".join(f"{i}" for i in range(200))
BODY = {"model": "slow", "messages": [{"role": "user", "content": TEXT}], "stream": True}


class Part:
    """What one connection brought of a stream: bytes by event number, and how it ended."""

    def __init__(self) -> None:
        self.events: dict[int, str] = {}
        self.job_id = ""
        self.error: dict[str, Any] = {}
        self.done = False

    def read(self, wire: httpx.Response, enough: int = 1_000_000) -> Iterator[int]:
        """Take events, yielding how many there are, until enough came or the stream ended."""
        self.job_id = wire.headers["x-request-id"]
        number = 0
        for line in wire.iter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            elif line == "data: [DONE]":
                self.done = True
            elif line.startswith('data: {"error"'):
                self.error = json.loads(line[6:])["error"]
            elif line.startswith("data: "):
                self.events[number] = line
                yield len(self.events)
                if len(self.events) >= enough:
                    return


def follow(stack: Stack, job_id: str, after: int) -> Part:
    """The rest of a stream, from an API that may have to come back first."""
    part = Part()
    give_up_at = time.monotonic() + 20
    while True:
        try:
            with httpx.stream(
                "GET",
                f"{stack.url}/v1/jobs/{job_id}/events",
                headers={"Last-Event-ID": str(after)},
                timeout=60,
            ) as wire:
                assert wire.status_code == 200
                for _ in part.read(wire):
                    pass
                return part
        except httpx.TransportError:
            assert time.monotonic() < give_up_at
            time.sleep(0.1)


def text_of(events: dict[int, str]) -> str:
    """The text of all chunks, which must be numbered without a gap."""
    assert sorted(events) == list(range(1, len(events) + 1))
    chunks = [json.loads(events[number][6:]) for number in sorted(events)]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_a_stream_goes_on_over_the_death_of_the_api(stack: Stack) -> None:
    """Killed mid-answer: who said that it may come back gets the rest, and all of it once."""
    wait_for(lambda: busy(stack) == 0, 20)
    first = Part()
    header = {"Millrace-Resume": "60"}
    with (
        contextlib.suppress(httpx.TransportError),
        httpx.stream(
            "POST", f"{stack.url}/v1/chat/completions", json=BODY, headers=header, timeout=60
        ) as wire,
    ):
        for count in first.read(wire):
            if count == 30:
                stack.kill("gunicorn")
    assert not first.done
    rest = follow(stack, first.job_id, max(first.events))
    assert rest.done
    assert min(rest.events) == max(first.events) + 1
    assert text_of(first.events | rest.events) == TEXT
    stack.wait_ready()


def test_a_stopped_api_says_where_its_streams_go_on(stack: Stack) -> None:
    """SIGTERM: an error that names the place, also for who never asked to come back."""
    wait_for(lambda: busy(stack) == 0, 20)
    first = Part()
    api = stack.pid_of("gunicorn")
    with httpx.stream("POST", f"{stack.url}/v1/chat/completions", json=BODY, timeout=60) as wire:
        for count in first.read(wire):
            if count == 20:
                os.kill(api, signal.SIGTERM)
    assert not first.done
    assert first.error["code"] == "server_restarting"
    resume = first.error["resume"]
    assert resume["url"] == f"/v1/jobs/{first.job_id}/events"
    rest = follow(stack, first.job_id, resume["last_event_id"])
    assert rest.done
    assert text_of(first.events | rest.events) == TEXT
    stack.wait_ready()


def test_a_job_in_the_background_is_read_later(stack: Stack) -> None:
    """Its client leaves at once; the result is what a client that waits would have got."""
    asked = {"model": "echo", "messages": [{"role": "user", "content": "later"}]}
    answer = httpx.post(
        f"{stack.url}/v1/chat/completions", json=asked, headers={"Prefer": "respond-async"}
    )
    assert answer.status_code == 202
    url = f"{stack.url}{answer.headers['location']}"
    job = httpx.get(url, params={"wait_s": 20}, timeout=30).json()
    assert job["state"] == "done"
    assert job["result"]["choices"][0]["message"]["content"] == "later"
    listed = httpx.get(f"{stack.url}/v1/jobs", params={"state": "done", "limit": 100}).json()
    assert job["id"] in [each["id"] for each in listed["data"]]


def test_a_repeated_request_gets_the_first_ones_answer(stack: Stack) -> None:
    """With the official client, under one key."""
    answers = [
        stack.client.chat.completions.create(
            model="smollm2-135m",
            messages=[{"role": "user", "content": "A number, please."}],
            temperature=2,
            max_tokens=16,
            extra_headers={"Idempotency-Key": "one"},
        )
        for _ in range(2)
    ]
    assert answers[0] == answers[1]


def test_a_cancelled_job_frees_its_slot(stack: Stack) -> None:
    """DELETE ends a running job; its stream, which nobody asked to end, says so."""
    wait_for(lambda: busy(stack) == 0, 20)
    asked = BODY | {"stream": False, "background": True}
    job_id = httpx.post(f"{stack.url}/v1/chat/completions", json=asked).json()["id"]
    wait_for(lambda: busy(stack) == 1, 10)
    job = httpx.delete(f"{stack.url}/v1/jobs/{job_id}").json()
    assert job["state"] == "cancelled"
    assert busy(stack) == 0
    part = follow(stack, job_id, 0)
    assert part.events
    assert part.error["code"] == "job_cancelled"
