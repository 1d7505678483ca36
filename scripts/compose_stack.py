"""A stack of docker-compose.yml as a client and as its operator see it; standard library only.

Part of ``compose_check.py``.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "millrace-check"
CHAT, EMBED = "smollm2-135m", "minilm-l6"
BACK_WITHIN_S = 90


class Failed(Exception):
    """What was to be shown was not."""


class Stack:
    """What docker-compose.yml makes, under a name of its own; its address and its key."""

    def __init__(self, port: int) -> None:
        self.began = time.monotonic()
        self.port = port
        self.key = secrets.token_urlsafe(24)
        self.environment = os.environ | {
            "MILLRACE_ADMIN_KEY": self.key,
            "MILL_PUBLISH": f"127.0.0.1:{port}",
            "MILL_PUBLISH_PROMETHEUS": f"127.0.0.1:{port + 1}",
            "MILL_PUBLISH_FLOWER": f"127.0.0.1:{port + 2}",
        }

    def say(self, text: str) -> None:
        """A line of the protocol."""
        print(f"[{time.monotonic() - self.began:6.1f} s] {text}", flush=True)

    def compose(self, *arguments: str) -> str:
        """``docker compose`` with this project's name; what it printed."""
        return docker("compose", "-p", PROJECT, *arguments, environment=self.environment)

    def ask(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> http.client.HTTPResponse:
        """A request with the key; the answer is not read yet."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": kind}
        # A stream that nobody reads goes on for so long; what is no answer knows no such header.
        if path.startswith("/v1/chat"):
            headers["Millrace-Resume"] = "300"
        text = json.dumps(body) if isinstance(body, dict) else body
        connection.request(method, path, text, headers)
        return connection.getresponse()

    def uploaded(self, lines: list[dict[str, Any]]) -> str:
        """The id of a file with the requests of a batch."""
        edge, text = "edge-of-a-part", "\n".join(map(json.dumps, lines))
        part = f"--{edge}\r\nContent-Disposition: form-data; name="
        body = (
            f'{part}"purpose"\r\n\r\nbatch\r\n'
            f'{part}"file"; filename="lines.jsonl"\r\n\r\n{text}\r\n--{edge}--\r\n'
        )
        kind = f"multipart/form-data; boundary={edge}"
        return str(self.told("POST", "/v1/files", body, kind)["id"])

    def seen(self, offset: int, path: str, key: str = "") -> Any:
        """What a monitor answers, ``offset`` ports above the API; its user is called admin."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port + offset, timeout=10)
        login = base64.b64encode(f"admin:{key}".encode()).decode()
        connection.request("GET", path, headers={"Authorization": f"Basic {login}"} if key else {})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise Failed(f"{path}: {answer.status}")
        return json.loads(text)

    def told(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """The answer as JSON; anything but 200 is a failure."""
        answer = self.ask(method, path, body, kind)
        text = answer.read()
        if answer.status != 200:
            raise Failed(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text)


class Stream:
    """A streamed chat that is read over the death of whatever serves it."""

    def __init__(self, stack: Stack, prompt: str, tokens: int) -> None:
        self._stack = stack
        self._body = chat(prompt, tokens) | {"stream": True}
        self.job = ""
        self.last = 0
        self.text = ""
        self.reason = ""
        self.cuts = 0
        self._events = self._all()

    def read(self, pieces: int = 1_000_000) -> None:
        """Read on until the end, or for this many pieces."""
        for _ in range(pieces):
            if next(self._events, None) is None:
                return

    def _all(self) -> Iterator[str]:
        answer = self._stack.ask("POST", "/v1/chat/completions", self._body)
        give_up = time.monotonic() + BACK_WITHIN_S
        while True:
            try:
                if answer.status == 200:
                    self.job = self.job or answer.headers["x-request-id"]
                    for piece in self._pieces(answer):
                        give_up = time.monotonic() + BACK_WITHIN_S
                        yield piece
                    if self.reason:
                        return
                    self.cuts += 1
                answer = self._again()
            except (OSError, http.client.HTTPException):
                self.cuts += 1
                if time.monotonic() > give_up:
                    raise Failed(f"the stream did not go on within {BACK_WITHIN_S} s") from None
                time.sleep(0.3)

    def _again(self) -> http.client.HTTPResponse:
        time.sleep(0.2)
        return self._stack.ask("GET", f"/v1/jobs/{self.job}/events?starting_after={self.last}")

    def _pieces(self, answer: http.client.HTTPResponse) -> Iterator[str]:
        number = self.last
        for line in answer:
            if line.startswith(b"id: "):
                number = int(line[4:])
            elif line.startswith(b"data: {"):
                event = json.loads(line[6:])
                if "error" in event:
                    return  # it says where the answer goes on, which is known here
                if number != self.last + 1:
                    raise Failed(f"event {number} came after {self.last}")
                self.last = number
                for choice in event["choices"]:
                    self.reason = choice["finish_reason"] or self.reason
                    self.text += choice["delta"].get("content") or ""
                    yield self.text
                if self.reason:
                    return


def chat(prompt: str, tokens: int) -> dict[str, Any]:
    """The body of a chat with the small model."""
    messages = [{"role": "user", "content": prompt}]
    return {"model": CHAT, "messages": messages, "max_tokens": tokens, "temperature": 0}


def docker(*arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run docker from the checkout; what it printed. ``Failed`` with its own words."""
    ran = subprocess.run(
        ["docker", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise Failed(f"docker {' '.join(arguments)}:\n{(ran.stderr or ran.stdout)[-3000:]}")
    return ran.stdout.strip()
