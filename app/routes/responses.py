"""``/v1/responses``: making responses, and coming back for those that were made."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, jsonify, request

from app import respond
from app.answering import answer, read_order
from app.client import Client
from app.following import ClientLeft
from app.images.configured import images_of
from app.job_reading import check_log
from app.metrics.requests import metrics
from app.openai.job_query import parse_starting_after
from app.openai.responses.errors import by_its_fields
from app.openai.responses.parse import parse_response
from app.openai.responses.query import deleted_body, parse_stream
from app.owners import asking_owner
from app.rendering import frames_of
from app.response_reading import (
    cancelled_response,
    find_response,
    forget_response,
    response_now,
)
from app.services import services
from app.wishes import wishes_of
from tasks.errors import InvalidJob
from tasks.jobs import ChatJob
from tasks.records import Record

routes = Blueprint("responses", __name__)


@routes.post("/v1/responses")
def create_response() -> Response:
    """Answer a conversation, whole or as a stream, now or later."""
    later = wishes_of(request.headers).background
    images = images_of(services().settings)
    order = read_order(partial(parse_response, images=images, later=later))
    try:
        submission = services().submit(order)
    except InvalidJob as error:
        # Asked beforehand, a worker says what is wrong in the words of a chat.
        raise by_its_fields(error) from None
    return answer(order, submission)


@routes.get("/v1/responses/<response_id>")
def get_response(response_id: str) -> Response:
    """A response as it stands, or its stream from the event after the one that is named."""
    streamed = parse_stream(request.args)
    after = parse_starting_after(request.args, request.headers.get("Last-Event-ID"))
    gateway, (record, job) = services().gateway, _find(response_id)
    if not streamed:
        return _json(response_now(gateway, record, job))
    check_log(gateway, record)
    # All events are read again: later ones may depend on those that the client has.
    return respond.stream(
        gateway.follow(record),
        frames_of(job, skip=after),
        ping_s=services().settings.ping_s,
        position=lambda: gateway.records.position(record),
        watch=metrics().rewatch(record.model, resumed=after > 0),
    )


@routes.post("/v1/responses/<response_id>/cancel")
def cancel_response(response_id: str) -> Response:
    """Cancel a response; one that has ended is answered as it is."""
    record, job = _find(response_id)
    return _json(cancelled_response(services().gateway, record, job, Client(request.environ)))


@routes.delete("/v1/responses/<response_id>")
def delete_response(response_id: str) -> Response:
    """Forget a response; one that is computed still is cancelled first."""
    record, _ = _find(response_id)
    forget_response(services().gateway, record, Client(request.environ))
    return jsonify(deleted_body(response_id))


@routes.errorhandler(ClientLeft)
def _client_left(_error: ClientLeft) -> Response:
    return Response(status=respond.CLIENT_CLOSED_REQUEST)


def _find(response_id: str) -> tuple[Record, ChatJob]:
    return find_response(services().gateway, response_id, asking_owner())


def _json(body: bytes) -> Response:
    return Response(body, mimetype="application/json")
