"""A job's answer for its client: whole, as a stream, or later."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from flask import Response, request

from app import sse, streaming
from app.client import Client
from app.following import ClientLeft, events_of
from app.framing import Frames
from app.metrics.watch import Watch
from app.rendering import Answer
from tasks.events import Event
from tasks.subscription import Subscription

# How long the answer's job waited for a slot.
QUEUE_TIME = "x-queue-time-ms"
# As nginx calls it.
CLIENT_CLOSED_REQUEST = 499


def accepted(
    body: bytes, job_id: str, *, url: str, status: int = 202, preferred: bool = False
) -> Response:
    """202: the job is in the queue, and its client need not wait for it: ``url`` has the result.

    ``preferred``: it was asked for by ``Prefer: respond-async``.
    """
    response = Response(body, status=status, mimetype="application/json")
    response.headers["Location"] = url
    response.headers["x-request-id"] = job_id
    if preferred:
        response.headers["Preference-Applied"] = "respond-async"
    return response


def whole(
    subscription: Subscription, answer: Answer, request_id: str, watch: Watch | None = None
) -> Response:
    """Wait for the job's end; its ``Failed`` event is raised as its error."""
    client = Client(request.environ)
    with subscription:
        try:
            for event in events_of(subscription, client, watch):
                if event is not None:
                    answer.add(event[1])
        except ClientLeft:
            # Nobody reads it, but for a client that closed only its sending half.
            return Response(status=CLIENT_CLOSED_REQUEST)
    response = _json(answer, request_id)
    if watch is not None and watch.queued_ms is not None:
        response.headers[QUEUE_TIME] = str(watch.queued_ms)
    return response


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
    frames: Frames,
    *,
    ping_s: float,
    position: streaming.Position | None = None,
    request_id: str | None = None,
    watch: Watch | None = None,
) -> Response:
    """The events as they come, each with its sequence number.

    ``position`` says where in its line the job waits. ``request_id`` is told where the job is
    another request's; the stream itself names the job, under which it can be resumed.
    """
    client = Client(request.environ)
    body = streaming.body(
        subscription, client, frames, ping_s=ping_s, position=position, watch=watch
    )
    response = Response(body, headers=sse.HEADERS)
    # Also when the body is never begun: the client may leave before the first byte.
    response.call_on_close(subscription.close)
    if watch is not None:
        response.call_on_close(partial(watch.left, "client_left"))
    response.headers["x-request-id"] = request_id or subscription.job_id
    return response


def kept_stream(events: Sequence[Event], frames: Frames, request_id: str) -> Response:
    """The stream that these events are, all at once; without numbers, for no job has them."""
    response = Response(streaming.at_once(events, frames), headers=sse.HEADERS)
    response.headers["x-request-id"] = request_id
    return response
