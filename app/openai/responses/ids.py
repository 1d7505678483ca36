"""The names of a response and of what is in it: the job's, the same whoever writes them."""

from __future__ import annotations

from app.openai.chat_shapes import call_id

_RESPONSE = "resp_"


def response_id(job_id: str) -> str:
    """The response that the job ``job_id`` answers."""
    return f"{_RESPONSE}{job_id}"


def job_id_of(response: str) -> str | None:
    """The job that answers this response; None for what is no response's name."""
    return response.removeprefix(_RESPONSE) if response.startswith(_RESPONSE) else None


def message_id(job_id: str) -> str:
    """The one message of the response."""
    return f"msg_{job_id}"


def call_ids(job_id: str, call: int) -> tuple[str, str]:
    """Of call number ``call`` the item's name, and the one that the call's answer refers to."""
    name = call_id(job_id, 0, call)
    return f"fc_{name.removeprefix('call_')}", name
