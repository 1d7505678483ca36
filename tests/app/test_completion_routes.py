"""/v1/completions, answered by an echo worker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

pytestmark = pytest.mark.usefixtures("lane")


def complete(http: FlaskClient, prompt: Any = "hello", **changes: Any) -> Any:
    """A completion; the echo model continues a prompt with the prompt."""
    return http.post("/v1/completions", json={"model": "echo", "prompt": prompt} | changes)


def test_a_prompt_is_continued(http: FlaskClient) -> None:
    """Whole, with its job's id in the header and in the answer's id."""
    response = complete(http)
    assert response.status_code == 200
    assert response.json["choices"][0]["text"] == "hello"
    assert response.json["id"] == f"cmpl-{response.headers['x-request-id']}"


def test_every_prompt_has_its_choices(http: FlaskClient) -> None:
    """Choice c of prompt p has the index p * n + c."""
    answer = complete(http, ["one", "two"], n=2).json
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    assert [choice["text"] for choice in answer["choices"]] == ["one", "one", "two", "two"]


def test_a_stream_has_consecutive_ids_and_an_end(http: FlaskClient) -> None:
    """Every event of the job's log is one event of the stream."""
    lines = complete(http, "one two three", stream=True).text.splitlines()
    ids = [int(line[4:]) for line in lines if line.startswith("id: ")]
    data = [line[6:] for line in lines if line.startswith("data: ")]
    assert ids == list(range(1, len(ids) + 1))
    assert data[-1] == "[DONE]"
    chunks = [json.loads(line) for line in data[:-1]]
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "one two three"


def test_an_echoed_prompt_comes_before_its_continuation(http: FlaskClient) -> None:
    """Alone with ``max_tokens`` 0, with the log probabilities of all but its first token."""
    answer = complete(http, "hello", echo=True, max_tokens=0, logprobs=1).json
    [choice] = answer["choices"]
    assert choice["text"] == "".join(choice["logprobs"]["tokens"]) == "hello"
    assert choice["logprobs"]["token_logprobs"][0] is None
    assert choice["logprobs"]["text_offset"][0] == 0
    assert answer["usage"]["completion_tokens"] == 0


def test_a_wrong_field_is_a_400_that_names_it(http: FlaskClient) -> None:
    """In OpenAI's shape."""
    response = complete(http, suffix="the end")
    assert (response.status_code, response.json["error"]["param"]) == (400, "suffix")
