"""A client that can prove what it was promised, and comes back as official clients do."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2 as httpx
import msgspec

from faults.book import Book
from faults.stream import Stream

CHAT = "/v1/chat/completions"
RETRIES = 2
RETRIED = frozenset({408, 409, 429, *range(500, 600)})
LONGEST_WAIT_S = 120.0


class Answer(msgspec.Struct, frozen=True):
    """A whole answer. ``status`` 0: no answer at all, ``error`` says why."""

    status: int
    headers: dict[str, str]
    body: bytes
    took_s: float
    error: str = ""

    @property
    def job_id(self) -> str:
        """The id that it was answered with."""
        return self.headers.get("x-request-id", "")

    def json(self) -> dict[str, Any]:
        """The body."""
        return msgspec.json.decode(self.body, type=dict[str, Any])

    @property
    def code(self) -> str | None:
        """The error's code, where it is one."""
        error = self.json().get("error") if self.status >= 400 else None
        return str(error["code"]) if error else None


class Client:
    """Requests to one address or to several; thread-safe. Every accepted id goes into ``book``."""

    def __init__(self, urls: Sequence[str], book: Path, *, timeout_s: float = 60) -> None:
        self.urls = tuple(urls)
        self.book = Book(book)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self._http = httpx.Client(timeout=timeout_s, limits=limits)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
        self.book.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- whole answers ------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        api: int = 0,
        timeout_s: float | None = None,
    ) -> Answer:
        """One request, once. An accepted job (200 or 202 to a POST) goes into the book."""
        began = time.monotonic()
        options: dict[str, Any] = {} if timeout_s is None else {"timeout": timeout_s}
        try:
            answer = self._http.request(
                method, self.urls[api] + path, json=body, headers=headers, **options
            )
        except httpx.TransportError as error:
            took_s = time.monotonic() - began
            return Answer(0, {}, b"", took_s, f"{type(error).__name__}: {error}")
        job_id = answer.headers.get("x-request-id")
        if method == "POST" and answer.status_code in {200, 202} and job_id:
            self.book.write(job_id)
        took_s = time.monotonic() - began
        return Answer(answer.status_code, dict(answer.headers), answer.content, took_s)

    def post(self, body: Mapping[str, Any], path: str = CHAT, **options: Any) -> Answer:
        """POST once."""
        return self.request("POST", path, body, **options)

    def insist(self, body: Mapping[str, Any], path: str = CHAT, **options: Any) -> list[Answer]:
        """POST as the official client does: two retries, the other API when one refuses.

        All answers, the last one last.
        """
        answers = [self.post(body, path, **options)]
        for retry in range(RETRIES):
            if not retried(answers[-1]):
                break
            time.sleep(pause_s(answers[-1], retry))
            answers.append(self.post(body, path, **{**options, "api": self.next_api(retry)}))
        return answers

    def next_api(self, turn: int) -> int:
        """The API that a load balancer would try next."""
        return (turn + 1) % len(self.urls)

    # ---- streams ------------------------------------------------------------------------

    def stream(
        self,
        body: Mapping[str, Any],
        path: str = CHAT,
        *,
        headers: Mapping[str, str] | None = None,
        api: int = 0,
    ) -> Stream:
        """Ask for a stream; it is read from now on."""
        stream = Stream(self.book)
        asked = {"stream": True, **body}
        stream.follow(self._http, "POST", self.urls[api] + path, json=asked, headers=headers)
        return stream

    def resume(self, stream: Stream, api: int, *, by_query: bool = False) -> None:
        """Go on with a stream on an API, from the last event that came."""
        url = f"{self.urls[api]}/v1/jobs/{stream.job_id}/events"
        last = str(stream.reader.last_seq)
        where: dict[str, Any] = (
            {"params": {"starting_after": last}}
            if by_query
            else {"headers": {"Last-Event-ID": last}}
        )
        stream.follow(self._http, "GET", url, **where)


def chat(model: str, content: str, **more: Any) -> dict[str, Any]:
    """The body of a conversation of one message."""
    return {"model": model, "messages": [{"role": "user", "content": content}], **more}


def retried(answer: Answer) -> bool:
    """Whether the official client would try again after this answer."""
    if (wish := answer.headers.get("x-should-retry")) is not None:
        return wish == "true"
    return answer.status == 0 or answer.status in RETRIED


def pause_s(answer: Answer, retry: int) -> float:
    """How long the official client waits before it tries again, jitter left out."""
    if ms := answer.headers.get("retry-after-ms"):
        return min(float(ms) / 1000, LONGEST_WAIT_S)
    if seconds := answer.headers.get("retry-after"):
        return min(float(seconds), LONGEST_WAIT_S)
    return min(0.5 * float(2**retry), 8.0)
