"""Chats and completions that are answered from the cache."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.settings import ApiSettings
from tasks.cache_counts import read_counts
from tasks.errors import ModelFailed
from tasks.events import Failed
from tasks.gateway import Gateway
from tests.app.asking import accepted_ids, ask
from tests.app.cache.playing import CHAT, Player


def greedy(http: FlaskClient, content: str = "one two", **changes: Any) -> Any:
    """A chat that leaves nothing to chance."""
    asked: dict[str, Any] = {"model": CHAT, "temperature": 0} | changes
    return ask(http, content, **asked)


def complete(http: FlaskClient, **changes: Any) -> Any:
    """A completion that leaves nothing to chance."""
    body = {"model": CHAT, "prompt": ["one", "two"], "temperature": 0} | changes
    return http.post("/v1/completions", json=body, buffered=True)


def text_of(response: Any) -> str:
    """What a stream said."""
    choices = [chunk["choices"][0] for chunk in chunks_of(response) if chunk["choices"]]
    return "".join(
        each["delta"].get("content", "") if "delta" in each else each["text"] for each in choices
    )


def chunks_of(response: Any) -> list[Any]:
    """The chunks of a stream, which has its end."""
    *data, end = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
    assert end == "[DONE]"
    return [json.loads(line) for line in data]


def written(gateway: Gateway) -> bytes:
    """The name of the one answer that is kept, once it is there."""
    give_up_at = time.monotonic() + 5
    while not (names := gateway.redis.keys(f"{gateway.settings.key_prefix}:answer:*")):
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
    [name] = names
    assert isinstance(name, bytes)
    return name


def said_by(response: Any) -> Any:
    """The answer without what is each request's own."""
    return {key: value for key, value in response.json.items() if key not in ("id", "created")}


@pytest.mark.parametrize("post", [greedy, complete])
def test_an_equal_request_is_answered_from_the_cache(
    http: FlaskClient, player: Player, post: Any
) -> None:
    """The same answer and usage, under an id of its own, and no job is made."""
    first, second = post(http), post(http)
    assert [each.headers["x-cache"] for each in (first, second)] == ["miss", "hit"]
    assert said_by(first) == said_by(second)
    assert second.json["id"].endswith(second.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert "Age" not in first.headers
    assert second.headers["Age"] == "0"
    assert len(player.jobs) == 1


@pytest.mark.parametrize("post", [greedy, complete])
@pytest.mark.parametrize("first_streams", [True, False])
def test_a_stream_hit_says_what_the_original_said(
    http: FlaskClient, player: Player, post: Any, first_streams: bool
) -> None:
    """Its text and its usage, without ids of events, whichever way the first was answered."""
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    original = post(http, **usage)
    if not first_streams:
        player.says_it_is("other")
        time.sleep(1.1)
        assert post(http).headers["x-cache"] == "miss"
    hit = post(http, **usage)
    assert (original.headers["x-cache"], hit.headers["x-cache"]) == ("miss", "hit")
    assert text_of(hit) == text_of(original)
    assert chunks_of(hit)[-1]["usage"] == chunks_of(original)[-1]["usage"]
    assert "id: " not in "".join(line for line in hit.text.splitlines() if line[:1] != "d")
    assert hit.headers["Content-Type"].startswith("text/event-stream")
    assert post(http, stream=True).headers["x-cache"] == "hit"
    assert all("usage" not in chunk for chunk in chunks_of(post(http, stream=True)))


def test_unseeded_samples_stay_apart(http: FlaskClient, player: Player) -> None:
    """Each is drawn anew; a seed makes them equal, and another seed others."""
    for _ in range(2):
        assert greedy(http, temperature=1).headers["x-cache"] == "bypass"
    seeds = [1, 1, 2]
    said = [greedy(http, temperature=1, seed=seed).headers["x-cache"] for seed in seeds]
    assert said == ["miss", "hit", "miss"]
    assert len(player.jobs) == 4


@pytest.mark.parametrize(("setting", "said"), [("all", "hit"), ("off", "bypass")])
def test_a_setting_says_what_is_kept(
    gateway: Gateway, api_settings: ApiSettings, player: Player, setting: str, said: str
) -> None:
    """All, also unseeded samples; or nothing."""
    changed = api_settings.model_copy(update={"cache": setting})
    http = create_app(changed, gateway).test_client()
    temperature = 1 if setting == "all" else 0
    greedy(http, temperature=temperature)
    assert greedy(http, temperature=temperature).headers["x-cache"] == said


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Idempotency-Key": "a"}, {}),
        ({"Millrace-Resume": "5"}, {}),
        ({"Prefer": "respond-async"}, {}),
        ({}, {"background": True, "stream": True}),
    ],
)
def test_who_asks_for_a_job_gets_one(
    http: FlaskClient, gateway: Gateway, player: Player, headers: dict[str, str], body: Any
) -> None:
    """Although the answer is there."""
    greedy(http)
    assert greedy(http).headers["x-cache"] == "hit"
    response = greedy(http, headers=headers, **body)
    assert response.headers["x-cache"] == "bypass"
    assert response.headers["x-request-id"] in accepted_ids(gateway)


def test_a_changed_model_is_asked_again(http: FlaskClient, player: Player) -> None:
    """What another file computed is not found any more, and comes back with that file."""
    said = []
    for identity in ("first", "second", "first"):
        player.says_it_is(identity)
        time.sleep(1.1)
        said.append(greedy(http).headers["x-cache"])
    assert said == ["miss", "miss", "hit"]


def test_nothing_is_kept_of_another_than_was_looked_for(http: FlaskClient, player: Player) -> None:
    """A worker with another file took over in between: its answer is given, and not kept."""
    player.identity = "second"
    assert greedy(http).headers["x-cache"] == "miss"
    time.sleep(2.1)
    assert greedy(http).headers["x-cache"] == "miss"


def test_a_model_that_nobody_vouches_for_is_not_cached(http: FlaskClient, gateway: Gateway) -> None:
    """While its worker has not said what it serves, its answers could be anybody's."""
    with Player(gateway).at_work():
        assert greedy(http).headers["x-cache"] == "bypass"


def test_errors_are_not_kept(http: FlaskClient, player: Player) -> None:
    """The next request has another try."""
    player.failure = Failed.of(ModelFailed("It broke."))
    assert greedy(http).status_code == 500
    player.failure = None
    response = greedy(http)
    assert (response.status_code, response.headers["x-cache"]) == (200, "miss")


def test_an_answer_over_the_limit_is_not_kept(
    gateway: Gateway, api_settings: ApiSettings, player: Player
) -> None:
    """It is computed for everyone who asks later."""
    changed = api_settings.model_copy(update={"cache_entry_bytes": 100})
    http = create_app(changed, gateway).test_client()
    greedy(http, "word " * 30)
    time.sleep(2.1)
    assert greedy(http, "word " * 30).headers["x-cache"] == "miss"


def asked(http: FlaskClient, directive: str, **changes: Any) -> str:
    """What the cache says to a request with this ``Cache-Control``."""
    said: str = greedy(http, headers={"Cache-Control": directive}, **changes).headers["x-cache"]
    return said


@pytest.mark.parametrize("directive", ["no-cache", "max-age=0"])
def test_a_fresh_answer_is_computed_and_kept(
    http: FlaskClient, player: Player, directive: str
) -> None:
    """Its age begins anew."""
    greedy(http)
    time.sleep(1.1)
    assert greedy(http).headers["Age"] == "1"
    assert asked(http, directive) == "miss"
    assert greedy(http).headers["Age"] == "0"
    assert len(player.jobs) == 2


def test_what_is_not_to_be_stored_is_not(http: FlaskClient, player: Player) -> None:
    """And yet answered from what is there."""
    assert asked(http, "no-store") == "miss"
    assert asked(http, "no-store") == "miss"
    greedy(http)
    assert asked(http, "no-store") == "hit"


def test_an_age_may_be_too_old(http: FlaskClient, player: Player) -> None:
    """By the request's own measure; what was computed instead is young."""
    greedy(http)
    time.sleep(1.2)
    assert asked(http, "max-age=5") == "hit"
    assert asked(http, "max-age=1") == "miss"
    assert asked(http, "max-age=1") == "hit"


def test_a_request_may_want_what_is_cached_alone(http: FlaskClient, player: Player) -> None:
    """504 where there is nothing, as HTTP has it, and nothing is computed."""
    response = greedy(http, headers={"Cache-Control": "only-if-cached"})
    assert response.status_code == 504
    assert response.json["error"]["code"] == "not_cached"
    assert response.json["error"]["param"] == "Cache-Control"
    assert player.jobs == []
    greedy(http)
    assert asked(http, "only-if-cached") == "hit"


def test_owners_have_nothing_in_common(
    http: FlaskClient, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one asked is computed again for another, and each finds what is its own."""
    said = []
    for owner in ("alice", "bob", "alice", "bob"):
        monkeypatch.setattr("app.answering.owner_of", lambda key, owner=owner: owner)
        said.append(greedy(http).headers["x-cache"])
    assert said == ["miss", "miss", "hit", "hit"]
    assert [job.owner for job in player.jobs] == ["alice", "bob"]


def test_another_process_finds_it(
    http: FlaskClient, gateway: Gateway, api_settings: ApiSettings, player: Player
) -> None:
    """In the cache's Redis; and when its time is over, nobody does."""
    greedy(http)
    other = create_app(api_settings, gateway).test_client()
    name = written(gateway)
    assert greedy(other).headers["x-cache"] == "hit"
    gateway.redis.delete(name)
    time.sleep(2.1)
    assert greedy(other).headers["x-cache"] == "miss"


def test_a_damaged_entry_is_computed_again(
    http: FlaskClient, gateway: Gateway, player: Player
) -> None:
    """As if it were not there, and written over."""
    greedy(http)
    name = written(gateway)
    gateway.redis.set(name, gateway.redis.get(name)[:-4])
    time.sleep(2.1)
    assert [greedy(http).headers["x-cache"] for _ in range(2)] == ["miss", "hit"]


def test_what_happened_is_counted(http: FlaskClient, gateway: Gateway, player: Player) -> None:
    """By model, soon, in the queue's Redis."""
    for temperature in (0, 0, 0, 1):
        greedy(http, temperature=temperature)
    time.sleep(2)
    [tally] = read_counts(gateway.redis, gateway.settings).values()
    assert (tally.hits, tally.misses, tally.stores, tally.bypassed) == (2, 1, 1, 1)
