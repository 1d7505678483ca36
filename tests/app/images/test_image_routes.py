"""Chats with pictures, from the request to an echo worker that names what it is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.app.images.files import data_url
from tests.pictures import picture
from worker.runtimes.echo_pictures import COUNT, name
from worker.runtimes.positions import digest_of

RED, BLUE = picture("red"), picture("blue", "square", form="JPEG")
pytestmark = pytest.mark.usefixtures("eyes")


def shown(data: bytes) -> str:
    """What the echo says in the place of the picture."""
    return name(digest_of(data))


def part(data: bytes) -> dict[str, Any]:
    """A content part as OpenAI's clients send it."""
    return {"type": "image_url", "image_url": {"url": data_url(data), "detail": "low"}}


def ask(http: FlaskClient, content: Any, **message: Any) -> Any:
    """A chat with the model that sees."""
    turn = {"role": "user", "content": content} | message
    return http.post("/v1/chat/completions", json={"model": "eyes", "messages": [turn]})


def said(http: FlaskClient, content: Any, **message: Any) -> str:
    """What the model answers."""
    response = ask(http, content, **message)
    assert response.status_code == 200, response.json
    answer = response.json["choices"][0]["message"]["content"]
    assert isinstance(answer, str)
    return answer


def text(words: str) -> dict[str, str]:
    """A content part of text."""
    return {"type": "text", "text": words}


def test_a_picture_stands_where_its_part_stands(http: FlaskClient) -> None:
    """Before, between and behind texts; only two texts side by side get a line's end."""
    red, blue = shown(RED), shown(BLUE)
    assert said(http, [part(RED), text("What?")]) == f"{red}What?"
    assert said(http, [text("What?"), part(RED)]) == f"What?{red}"
    assert said(http, [text("a"), part(RED), text("b"), text("c")]) == f"a{red}b\nc"
    assert said(http, [part(RED), part(BLUE)]) == red + blue


def test_the_shorthand_comes_behind_everything_else(http: FlaskClient) -> None:
    """In its order, with text, with parts, or alone."""
    red, blue = shown(RED), shown(BLUE)
    urls = [data_url(RED), data_url(BLUE)]
    assert said(http, "What?", image_urls=urls) == f"What?{red}{blue}"
    assert said(http, [part(BLUE), text("What?")], image_urls=urls[:1]) == f"{blue}What?{red}"
    assert said(http, None, image_urls=urls) == red + blue


def test_a_plain_string_does_for_the_url(http: FlaskClient) -> None:
    """Some clients send no object."""
    content = [{"type": "image_url", "image_url": data_url(RED)}, text("What?")]
    assert said(http, content) == f"{shown(RED)}What?"


def test_the_media_type_is_not_believed(http: FlaskClient) -> None:
    """A JPEG that is called a PNG is a JPEG."""
    assert said(http, "", image_urls=[data_url(BLUE, "image/png")]) == shown(BLUE)
    assert said(http, "", image_urls=[data_url(BLUE, "text/html")]) == shown(BLUE)


def test_a_stream_sees_as_well(http: FlaskClient) -> None:
    """The same answer in pieces."""
    turn = {"role": "user", "content": [part(RED), text("What?")]}
    body = {"model": "eyes", "messages": [turn], "stream": True}
    lines = http.post("/v1/chat/completions", json=body).text.splitlines()
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    told = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert told == f"{shown(RED)}What?"


def test_a_pictures_positions_are_counted(http: FlaskClient) -> None:
    """In the usage, and by /tokenize, where they have no id of their own."""
    bare = ask(http, "What?").json["usage"]["prompt_tokens"]
    response = ask(http, "What?", image_urls=[data_url(RED)])
    assert response.json["usage"]["prompt_tokens"] == bare + COUNT
    turn = {"role": "user", "content": "What?", "image_urls": [data_url(RED)]}
    counted: Any = http.post("/tokenize", json={"model": "eyes", "messages": [turn]})
    assert counted.json["count"] == bare + COUNT
    assert counted.json["tokens"].count(-1) == COUNT
