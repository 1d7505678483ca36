"""Responses that are answered from the cache, or together with others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tasks.gateway import Gateway
from tests.app.asking import accepted_ids, ask
from tests.app.cache.playing import CHAT, Player
from tests.app.cache.test_sharing import at_once, sharing


def chat(http: FlaskClient, **changes: Any) -> Any:
    """A chat that leaves nothing to chance."""
    asked: dict[str, Any] = {"model": CHAT, "temperature": 0} | changes
    return ask(http, "one two", **asked)


def respond(http: FlaskClient, **changes: Any) -> Any:
    """The same, asked for as a response."""
    body = {"model": CHAT, "input": "one two", "temperature": 0} | changes
    return http.post("/v1/responses", json=body, buffered=True)


def last_of(response: Any) -> Any:
    """What a stream's last event holds."""
    *_, last = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
    return json.loads(last)


def test_a_chats_answer_is_a_responses_too(http: FlaskClient, player: Player) -> None:
    """And the other way round: what was computed is the same, each is written in its own shape."""
    first, second, third = chat(http), respond(http), chat(http)
    said = [each.headers["x-cache"] for each in (first, second, third)]
    assert said == ["miss", "hit", "hit"]
    assert (first.json["object"], second.json["object"]) == ("chat.completion", "response")
    text = first.json["choices"][0]["message"]["content"]
    assert second.json["output"][0]["content"][0]["text"] == text
    assert second.json["id"] == f"resp_{second.headers['x-request-id']}"
    assert third.json["object"] == "chat.completion"
    assert len(player.jobs) == 1


def test_a_stream_from_the_cache_is_whole_and_has_no_ids(http: FlaskClient, player: Player) -> None:
    """Its last event is the response that the first one got."""
    first, hit = respond(http).json, respond(http, stream=True)
    assert hit.headers["x-cache"] == "hit"
    assert not any(line.startswith("id:") for line in hit.text.splitlines())
    last = last_of(hit)
    assert last["type"] == "response.completed"
    assert last["response"]["usage"] == first["usage"]
    assert last["response"]["output"][0]["content"] == first["output"][0]["content"]
    assert len(player.jobs) == 1


def test_a_stream_that_was_computed_is_kept(http: FlaskClient, player: Player) -> None:
    """As one that was waited for."""
    said = [respond(http, stream=True).headers["x-cache"], respond(http).headers["x-cache"]]
    assert said == ["miss", "hit"]


@pytest.mark.parametrize("stream", [False, True])
def test_equal_requests_under_way_make_one_job(
    http: FlaskClient, gateway: Gateway, player: Player, stream: bool
) -> None:
    """Each gets a response of its own."""
    player.gate.clear()
    under_way = at_once(http, 4, lambda client: respond(client, stream=stream))
    sharing(gateway, 4)
    player.gate.set()
    answers = under_way.all()
    found = [last_of(each)["response"] if stream else each.json for each in answers]
    assert {each["output"][0]["content"][0]["text"] for each in found} == {"one two "}
    assert {each["id"] for each in found} == {
        f"resp_{each.headers['x-request-id']}" for each in answers
    }
    assert len(player.jobs) == 1


def test_a_chat_and_a_response_under_way_stay_apart(
    http: FlaskClient, gateway: Gateway, player: Player
) -> None:
    """A stream that is cut goes on under its job's id: it must not go on as the other."""
    player.gate.clear()
    under_way = at_once(http, 1, respond)
    sharing(gateway, 1)
    other = at_once(http, 1, chat)
    while len(accepted_ids(gateway)) < 2:
        pass
    player.gate.set()
    assert [each.headers["x-cache"] for each in (*under_way.all(), *other.all())] == ["miss"] * 2
