"""A job's answer for its client: whole, as a stream, or later."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, request

from app import sse, streaming
from app.client import Client
from app.following import ClientLeft, events_of
from app.rendering import Answer, Chunks
from tasks.events import Event
from tasks.subscription import Subscription

# As nginx calls it.
CLIENT_CLOSED_REQUEST = 499


def accepted(body: bytes, job_id: str, *, preferred: bool = False) -> Response:
    """202: the job is in the queue, and its client need not wait for it.

    ``preferred``: it was asked for by ``Prefer: respond-async``.
    """
    response = Response(body, status=202, mimetype="application/json")
    response.headers["Location"] = f"/v1/jobs/{job_id}"
    response.headers["x-request-id"] = job_id
    if preferred:
        response.headers["Preference-Applied"] = "respond-async"
    return response


def whole(subscription: Subscription, answer: Answer, request_id: str) -> Response:
    """Wait for the job's end; its ``Failed`` event is raised as its error."""
    client = Client(request.environ)
    with subscription:
        try:
            for event in events_of(subscription, client):
                if event is not None:
                    answer.add(event[1])
        except ClientLeft:
            # Nobody reads it, but for a client that closed only its sending half.
            return Response(status=CLIENT_CLOSED_REQUEST)
    return _json(answer, request_id)


def kept(events: Sequence[Event], answer: Answer, request_id: str) -> Response:
    """The answer that these events are: nobody needs to be waited for."""
    for event in events:
        answer.add(event)
    return _json(answer, request_id)


def _json(answer: Answer, request_id: str) -> Response:
    response = Response(answer.body(), mimetype="application/json")
    response.headers["x-request-id"] = request_id
    return response


def stream(
    subscription: Subscription,
    chunks: Chunks,
    *,
    ping_s: float,
    position: streaming.Position | None = None,
    skip: int = 0,
    request_id: str | None = None,
) -> Response:
    """The events as they come, each with its sequence number.

    ``position`` says where in its line the job waits. Events up to number ``skip`` were sent
    before: they are read for what later chunks need to know of them. ``request_id`` is told where
    the job is another request's; the stream itself names the job, under which it can be resumed.
    """
    client = Client(request.environ)
    body = streaming.body(subscription, client, chunks, ping_s=ping_s, position=position, skip=skip)
    response = Response(body, headers=sse.HEADERS)
    # Also when the body is never begun: the client may leave before the first byte.
    response.call_on_close(subscription.close)
    response.headers["x-request-id"] = request_id or subscription.job_id
    return response


def kept_stream(events: Sequence[Event], chunks: Chunks, request_id: str) -> Response:
    """The stream that these events are, all at once; without numbers, for no job has them."""
    response = Response(streaming.at_once(events, chunks), headers=sse.HEADERS)
    response.headers["x-request-id"] = request_id
    return response
