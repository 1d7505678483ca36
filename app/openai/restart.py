"""What a stream that was cut by a restart ends with: where its answer goes on."""

from __future__ import annotations

import msgspec

from app.openai.errors import UNAVAILABLE, ServerRestarting


class _Resume(msgspec.Struct, frozen=True):
    url: str
    last_event_id: int


class _Error(msgspec.Struct, frozen=True):
    message: str
    type: str
    param: None
    code: str
    resume: _Resume


class Interrupted(msgspec.Struct, frozen=True):
    """The envelope of the error object that says where the answer goes on."""

    error: _Error


def resumable_ending(job_id: str, last_event_id: int) -> bytes:
    """The error object of a stream's last event; ``resume`` is beyond OpenAI's shape.

    Official clients raise it as an error, as they must: the answer is not complete.
    """
    url = f"/v1/jobs/{job_id}/events"
    message = (
        "The server is restarting and the answer goes on: GET "
        f"{url} with the header 'Last-Event-ID: {last_event_id}'."
    )
    resume = _Resume(url, last_event_id)
    return msgspec.json.encode(
        Interrupted(_Error(message, UNAVAILABLE, None, ServerRestarting.code, resume))
    )
