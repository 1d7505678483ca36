"""``/v1/jobs``: reading, waiting for, following and cancelling what was asked earlier."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app import respond
from app.client import Client
from app.following import ClientLeft
from app.job_reading import cancelled, check_log, job_page, waited_for, whole_job
from app.metrics.requests import metrics
from app.openai.job_query import parse_list, parse_starting_after, parse_wait_s
from app.owners import asking_owner
from app.rendering import frames_of
from app.services import services
from tasks.records import Record

routes = Blueprint("jobs", __name__)


@routes.get("/v1/jobs")
def list_jobs() -> Response:
    """A page of the owner's jobs, newest first unless asked otherwise."""
    query = parse_list(request.args)
    return _json(job_page(services().gateway, asking_owner(), query))


@routes.get("/v1/jobs/<job_id>")
def get_job(job_id: str) -> Response:
    """One job with its result; ``wait_s`` waits for its end first."""
    wait_s = parse_wait_s(request.args)
    record = waited_for(services().gateway, _find(job_id), wait_s, Client(request.environ))
    return _json(whole_job(services().gateway, record))


@routes.delete("/v1/jobs/<job_id>")
def cancel_job(job_id: str) -> Response:
    """Cancel a job; one that has ended is answered as it is."""
    record = cancelled(services().gateway, _find(job_id), Client(request.environ))
    return _json(whole_job(services().gateway, record))


@routes.get("/v1/jobs/<job_id>/events")
def follow_job(job_id: str) -> Response:
    """The job's stream, from the event after the one that the client names."""
    after = parse_starting_after(request.args, request.headers.get("Last-Event-ID"))
    gateway, record = services().gateway, _find(job_id)
    check_log(gateway, record)
    # All events are read again: later ones may depend on those that the client has.
    return respond.stream(
        gateway.follow(record),
        frames_of(gateway.records.job(job_id), skip=after),
        ping_s=services().settings.ping_s,
        position=lambda: gateway.records.position(record),
        watch=metrics().rewatch(record.model, resumed=after > 0),
    )


@routes.errorhandler(ClientLeft)
def _client_left(_error: ClientLeft) -> Response:
    return Response(status=respond.CLIENT_CLOSED_REQUEST)


def _find(job_id: str) -> Record:
    return services().gateway.records.find(job_id, asking_owner())


def _json(body: bytes) -> Response:
    return Response(body, mimetype="application/json")
