"""Embeddings of which all, some or none are in the cache."""

from __future__ import annotations

import base64
import struct
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from tasks.cache_counts import read_counts
from tasks.errors import ContextLengthExceeded
from tasks.events import Failed
from tasks.gateway import Gateway
from tasks.jobs import EmbedJob
from tests.app.cache.playing import EMBED, Player, vector


def embed(http: FlaskClient, *texts: Any, headers: Any = None, **changes: Any) -> Any:
    """The vectors of these inputs."""
    body = {"model": EMBED, "input": list(texts)} | changes
    return http.post("/v1/embeddings", json=body, headers=headers)


def rows(response: Any) -> list[list[float]]:
    """The vectors, which are in their places."""
    data = response.json["data"]
    assert [row["index"] for row in data] == list(range(len(data)))
    return [row["embedding"] for row in data]


def computed(player: Player) -> list[tuple[Any, ...]]:
    """The inputs of each job, texts or token ids."""
    jobs = [job for job in player.jobs if isinstance(job, EmbedJob)]
    return [job.texts or job.tokens for job in jobs]


def said(response: Any) -> tuple[str, str | None]:
    """What the cache said."""
    return response.headers["x-cache"], response.headers.get("x-cache-inputs")


def test_what_was_embedded_is_not_embedded_again(http: FlaskClient, player: Player) -> None:
    """In any order and company; only what is missing is computed, in a job of its own."""
    first = embed(http, "a", "b")
    assert said(first) == ("miss", None)
    assert said(embed(http, "b", "a")) == ("hit", None)
    some = embed(http, "c", "b", "d", "a")
    assert said(some) == ("miss", "2/4")
    assert computed(player) == [("a", "b"), ("c", "d")]
    assert rows(some) == [vector(text) for text in "cbda"]
    assert player.jobs[-1].id == some.headers["x-request-id"]


def test_an_input_that_occurs_twice_is_computed_once(http: FlaskClient, player: Player) -> None:
    """And counted twice, as it is everywhere."""
    embed(http, "bb")
    some = embed(http, "a", "bb", "a", "ccc", "bb")
    assert said(some) == ("miss", "2/5")
    assert computed(player)[-1] == ("a", "ccc")
    assert rows(some) == [vector(text) for text in ("a", "bb", "a", "ccc", "bb")]
    assert some.json["usage"]["prompt_tokens"] == some.json["usage"]["total_tokens"] == 9


def test_usage_is_that_of_all_inputs(http: FlaskClient, player: Player) -> None:
    """However few of them were computed."""
    inputs = ("a", "bb", "ccc")
    embed(http, "bb")
    counts = [embed(http, *inputs).json["usage"]["total_tokens"] for _ in range(2)]
    assert counts == [6, 6]


def test_a_vector_is_written_as_it_is_asked_for(http: FlaskClient, player: Player) -> None:
    """As numbers or as base64, whichever way it was asked for first."""
    embed(http, "a", encoding_format="base64")
    numbers = embed(http, "a")
    coded = embed(http, "a", encoding_format="base64")
    assert said(numbers) == said(coded) == ("hit", None)
    raw = base64.b64decode(coded.json["data"][0]["embedding"])
    assert list(struct.unpack("<4f", raw)) == numbers.json["data"][0]["embedding"]


def test_token_ids_and_dimensions_are_inputs_of_their_own(
    http: FlaskClient, player: Player
) -> None:
    """A shorter vector is another one."""
    embed(http, [1, 2], [3])
    assert said(embed(http, [3], [1, 2])) == ("hit", None)
    assert said(embed(http, [3], dimensions=2)) == ("miss", None)
    assert said(embed(http, [3], dimensions=2)) == ("hit", None)
    some = embed(http, [3], [4])
    assert said(some) == ("miss", "1/2")
    assert computed(player)[-1] == ((4,),)


def test_a_refusal_names_the_input_that_the_client_sent(http: FlaskClient, player: Player) -> None:
    """Not the one of the job, which knows only those that were missing."""
    embed(http, "a")
    refusal = ContextLengthExceeded("Input 1 has 99 tokens.", param="input[1]")
    player.failure = Failed.of(refusal)
    response = embed(http, "a", "b", "long")
    assert response.status_code == 400
    assert response.json["error"]["param"] == "input[2]"
    assert response.json["error"]["message"] == "Input 2 has 99 tokens."
    player.failure = None
    assert said(embed(http, "b")) == ("miss", None)


def test_an_older_workers_vectors_are_not_kept(http: FlaskClient, player: Player) -> None:
    """It does not say how many tokens each input has."""
    player.tells_tokens = False
    embed(http, "a")
    time.sleep(2.1)
    assert said(embed(http, "a")) == ("miss", None)


def test_age_is_that_of_the_oldest(http: FlaskClient, player: Player) -> None:
    """And what is too old for a request is computed for it."""
    embed(http, "a")
    time.sleep(1.2)
    embed(http, "b")
    assert embed(http, "a", "b").headers["Age"] == "1"
    young = {"Cache-Control": "max-age=1"}
    assert said(embed(http, "a", "b", headers=young)) == ("miss", "1/2")
    assert said(embed(http, "a", "b", headers={"Cache-Control": "no-cache"})) == ("miss", None)
    assert embed(http, "a", "b").headers["Age"] == "0"


def test_inputs_are_counted_one_by_one(http: FlaskClient, gateway: Gateway, player: Player) -> None:
    """Found, computed and stored."""
    embed(http, "a", "b")
    embed(http, "a", "c", "c")
    time.sleep(2)
    [tally] = read_counts(gateway.redis, gateway.settings).values()
    assert (tally.hits, tally.misses, tally.stores) == (1, 3, 3)


@pytest.mark.parametrize("count", [2_048])
def test_the_largest_request_is_found_whole(http: FlaskClient, player: Player, count: int) -> None:
    """One look for all of its inputs."""
    texts = [f"text {number}" for number in range(count)]
    embed(http, *texts)
    again = embed(http, *texts)
    assert said(again) == ("hit", None)
    assert rows(again)[-1] == vector(texts[-1])
