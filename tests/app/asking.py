"""Requests that make jobs, as the tests of the request side send them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from flask.testing import FlaskClient

from tasks.gateway import Gateway
from tasks.records import Record

CHAT = "/v1/chat/completions"


def ask(
    http: FlaskClient,
    content: str = "one two three",
    *,
    headers: Mapping[str, str] | None = None,
    buffered: bool = True,
    **changes: Any,
) -> Any:
    """A chat completion of ``echo``, or of the model in ``changes``."""
    body = {"model": "echo", "messages": [{"role": "user", "content": content}]} | changes
    return http.post(CHAT, json=body, headers=dict(headers or {}), buffered=buffered)


def ended(gateway: Gateway, job_id: str) -> Record:
    """The job's record once it has ended; within ten seconds."""
    give_up_at = time.monotonic() + 10
    while not (record := gateway.records.find(job_id, "local")).final:
        assert time.monotonic() < give_up_at, f"job {job_id} does not end"
        time.sleep(0.01)
    return record


def accepted_ids(gateway: Gateway) -> list[str]:
    """The ids of all jobs that were ever accepted here, oldest first."""
    page = gateway.records.page("local", limit=1_000, newest_first=False)
    return [record.id for record in page.records]


def leave_early(response: Any) -> None:
    """Read the first piece of a stream that was posted with ``buffered=False``, and go."""
    next(response.iter_encoded())
    response.close()
