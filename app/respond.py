"""A subscription to an answer: whole, or as a stream; left at once when the client is gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

import structlog
from flask import Response, request

from app import sse
from app.client import Client
from app.openai.errors import body_of
from tasks.errors import TaskError
from tasks.events import Done, Event, Failed
from tasks.subscription import Subscription

log = structlog.get_logger(__name__)

# How often a waiting request looks whether its client is still there.
LOOK_S = 0.25
# As nginx calls it.
CLIENT_CLOSED_REQUEST = 499


class Answer(Protocol):
    """Collects events into one body."""

    def add(self, event: Event) -> None:
        """Take the next event."""

    def body(self) -> bytes:
        """The whole answer as JSON."""


class Chunks(Protocol):
    """Turns each event into one chunk."""

    def chunk(self, event: Event) -> bytes | None:
        """The event's chunk as JSON; None for one that clients do not see."""


class ClientLeft(Exception):
    """Raised when nobody is there to read the answer any more."""


def whole(subscription: Subscription, answer: Answer) -> Response:
    """Wait for the job's end; its ``Failed`` event is raised as its error."""
    client = Client(request.environ)
    with subscription:
        try:
            for event in _events(subscription, client):
                if event is None:
                    continue
                if isinstance(event[1], Failed):
                    raise event[1].error()
                answer.add(event[1])
        except ClientLeft:
            # Nobody reads it, but for a client that closed only its sending half.
            return Response(status=CLIENT_CLOSED_REQUEST)
    response = Response(answer.body(), mimetype="application/json")
    response.headers["x-request-id"] = subscription.job_id
    return response


def stream(subscription: Subscription, chunks: Chunks, ping_s: float) -> Response:
    """The events as they come, each with its sequence number."""
    client = Client(request.environ)
    body = _stream(subscription, chunks, client, ping_s)
    response = Response(body, headers=sse.HEADERS)
    # Also when the body is never begun: the client may leave before the first byte.
    response.call_on_close(subscription.close)
    response.headers["x-request-id"] = subscription.job_id
    return response


def _stream(
    subscription: Subscription, chunks: Chunks, client: Client, ping_s: float
) -> Iterator[bytes]:
    yield sse.comment(f"job {subscription.job_id}")
    spoke = time.monotonic()
    try:
        with subscription:
            for event in _events(subscription, client):
                if event is not None:
                    yield _chunk(chunks, *event)
                elif time.monotonic() - spoke < ping_s:
                    continue
                else:
                    yield sse.PING
                spoke = time.monotonic()
    except ClientLeft:
        return
    except TaskError as error:
        # The status line is long gone: the client learns of it from the last event.
        yield b"data: %b\n\n" % body_of(error)


def _chunk(chunks: Chunks, seq: int, event: Event) -> bytes:
    data = chunks.chunk(event)
    if not isinstance(event, Done):
        return sse.event(seq, data) if data is not None else b""
    if data is None:
        return sse.event(seq, b"[DONE]")
    return sse.event(seq, data) + sse.DONE


def _events(subscription: Subscription, client: Client) -> Iterator[tuple[int, Event] | None]:
    """Events as they come, and None every now and then in between."""
    looked = time.monotonic()
    while True:
        try:
            event = subscription.next_within(LOOK_S)
        except StopIteration:
            return
        yield event
        if time.monotonic() - looked >= LOOK_S:
            looked = time.monotonic()
            if client.gone():
                log.info("client left", job=subscription.job_id)
                raise ClientLeft("The client left before its answer was complete.")
