"""/tokenize and /detokenize, through the lane to echo workers."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from worker.runtimes.echo import EchoEmbed
from worker.runtimes.echo_tokens import VOCABULARY, encode

EMBED = EchoEmbed(context=64)


def post(http: FlaskClient, url: str, **body: Any) -> Any:
    """The answer to a question."""
    return http.post(url, json=body)


@pytest.mark.usefixtures("lane")
def test_a_text_goes_to_tokens_and_back(http: FlaskClient) -> None:
    """The ids are the model's own, and stand for the same text."""
    tokens = post(http, "/tokenize", model="echo", content="hello 🌊").json["tokens"]
    assert tokens == encode("hello 🌊")
    assert post(http, "/detokenize", model="echo", tokens=tokens).json == {"content": "hello 🌊"}


@pytest.mark.usefixtures("lane")
def test_pieces_are_texts_or_bytes(http: FlaskClient) -> None:
    """Half a character is a list of its bytes."""
    answer = post(http, "/tokenize", model="echo", content="ab🌊", with_pieces=True).json
    assert [entry["id"] for entry in answer["tokens"]] == encode("ab🌊")
    assert [entry["piece"] for entry in answer["tokens"]] == [[97, 98, 240], [159, 140, 138]]


@pytest.mark.usefixtures("lane")
def test_vllms_form_is_answered_in_its_shape(http: FlaskClient) -> None:
    """A prompt, or a conversation through the template, with the count and the context."""
    prompt = post(http, "/tokenize", model="echo", prompt="hello").json
    assert prompt == {"count": 2, "max_model_len": 600, "tokens": encode("hello")}
    messages = [{"role": "user", "content": "hello"}]
    chat = post(http, "/tokenize", model="echo", messages=messages).json
    assert chat["count"] == len(chat["tokens"]) > 2


@pytest.mark.usefixtures("lane")
def test_an_embedding_models_tokens_have_its_markers(http: FlaskClient) -> None:
    """They are the tokens that usage counts."""
    answer = post(http, "/tokenize", model="echo-embed", content="hello").json
    assert answer["tokens"] == EMBED.tokenize(["hello"])[0]


@pytest.mark.usefixtures("lane")
def test_the_workers_refusal_is_a_400(http: FlaskClient) -> None:
    """What only it knows is named as well as what the API knows."""
    response = post(http, "/detokenize", model="echo", tokens=[1, VOCABULARY])
    assert (response.status_code, response.json["error"]["param"]) == (400, "tokens[1]")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"content": "a"}, "model"),
        ({"model": "echo"}, "content"),
        ({"model": "echo", "content": 5}, "content"),
    ],
)
def test_a_wrong_question_is_a_400(http: FlaskClient, body: dict[str, Any], param: str) -> None:
    """Two chat models here: one must be named."""
    response = post(http, "/tokenize", **body)
    assert (response.status_code, response.json["error"]["param"]) == (400, param)


def test_without_a_worker_it_is_unavailable(http: FlaskClient) -> None:
    """503, to be tried again soon."""
    response = post(http, "/tokenize", model="absent", content="a")
    assert response.status_code == 503
    assert response.json["error"]["type"] == "unavailable_error"
    assert response.json["error"]["code"] == "model_unavailable"
    assert response.headers["Retry-After"] == "2"


@pytest.mark.usefixtures("workers")
def test_a_worker_that_does_not_answer_is_unavailable(http: FlaskClient) -> None:
    """Ready by its report, silent on the lane."""
    response = post(http, "/tokenize", model="echo", content="a")
    assert (response.status_code, response.json["error"]["code"]) == (503, "model_unavailable")


@pytest.mark.usefixtures("lane")
@pytest.mark.parametrize("stream", [True, False])
def test_a_prompt_that_does_not_fit_is_refused_before_the_status_line(
    http: FlaskClient, stream: bool
) -> None:
    """Asked on the lane, the worker counts the tokens before anything is enqueued."""
    messages = [{"role": "user", "content": "word " * 500}]
    response = post(http, "/v1/chat/completions", model="echo", messages=messages, stream=stream)
    assert response.status_code == 400
    assert response.json["error"]["code"] == "context_length_exceeded"
