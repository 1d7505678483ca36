"""Responses as their owners come back for them: read, cancelled and forgotten, by their ids."""

from __future__ import annotations

from app.client import Client
from app.job_reading import cancelled, check_log
from app.openai.responses.errors import UnknownResponse
from app.openai.responses.ids import job_id_of
from app.openai.responses.whole import render_response
from tasks.errors import UnknownJob
from tasks.forgetting import Forgetting
from tasks.gateway import Gateway
from tasks.jobs import ChatJob
from tasks.records import Record


def find_response(gateway: Gateway, response_id: str, owner: str) -> tuple[Record, ChatJob]:
    """The record and the job behind a response; ``UnknownResponse`` when there is none."""
    job_id = job_id_of(response_id)
    if job_id is None:
        raise UnknownResponse(response_id)
    try:
        record, job = gateway.records.find(job_id, owner), gateway.records.job(job_id)
    except UnknownJob:
        raise UnknownResponse(response_id) from None
    if not isinstance(job, ChatJob) or job.response is None:
        raise UnknownResponse(response_id)
    return record, job


def response_now(gateway: Gateway, record: Record, job: ChatJob) -> bytes:
    """The response object, with the output when its job has ended; ``LogExpired`` without it."""
    check_log(gateway, record)
    log = [event for _, event in gateway.records.log(record.id)] if record.final else []
    return render_response(job, record.state, log, record.finished_s)


def cancelled_response(gateway: Gateway, record: Record, job: ChatJob, client: Client) -> bytes:
    """The response after its job was cancelled; one that has ended is answered as it is."""
    return response_now(gateway, cancelled(gateway, record, client), job)


def forget_response(gateway: Gateway, record: Record, client: Client) -> None:
    """Cancel what is computed still, and keep nothing of it."""
    Forgetting(gateway.redis, gateway.settings).forget(cancelled(gateway, record, client))
