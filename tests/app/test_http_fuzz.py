"""Generated requests over HTTP to echo workers: whatever is sent, no fault of ours comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.app.openai.test_fuzz import CHAT, COMPLETE, bodies

pytestmark = pytest.mark.usefixtures("lane")

# A deadline that passes is a 504, and so it should be.
SERVED: dict[str, st.SearchStrategy[Any]] = {
    "model": st.just("echo"),
    "n": st.integers(1, 2),
    "max_tokens": st.integers(1, 16),
    "timeout_s": st.floats(60, 100),
}
few = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def fault(http: FlaskClient, url: str, body: dict[str, Any]) -> str | None:
    """What is answered to ``body``, if its status or a stream's last event is a server's error."""
    response = http.post(url, data=json.dumps(body))
    failed = response.status_code >= 500 or '"server_error"' in response.text
    return response.text if failed else None


@few
@given(body=bodies(CHAT | SERVED, ("model", "messages", "max_tokens")))
def test_no_chat_is_a_fault_of_the_server(http: FlaskClient, body: dict[str, Any]) -> None:
    """Every field and any value in one of them: answered or refused."""
    assert fault(http, "/v1/chat/completions", body) is None


@few
@given(body=bodies(COMPLETE | SERVED, ("model", "prompt", "max_tokens")))
def test_no_completion_is_a_fault_of_the_server(http: FlaskClient, body: dict[str, Any]) -> None:
    """Every field and any value in one of them: answered or refused."""
    assert fault(http, "/v1/completions", body) is None
