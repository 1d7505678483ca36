"""Equal requests that are under way together: one computation for all of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.settings import ApiSettings
from tasks.errors import ModelFailed
from tasks.events import Failed
from tasks.gateway import Gateway
from tests.app.asking import accepted_ids, ask
from tests.app.cache.playing import CHAT, EMBED, Player

TOGETHER = 64


def greedy(http: FlaskClient, **changes: Any) -> Any:
    """A chat that leaves nothing to chance."""
    asked: dict[str, Any] = {"model": CHAT, "temperature": 0} | changes
    return ask(http, "one two", **asked)


def at_once(http: FlaskClient, count: int, post: Callable[[FlaskClient], Any]) -> ThreadedAnswers:
    """So many requests, each from a client of its own; they wait for their answers."""
    return ThreadedAnswers([http.application.test_client() for _ in range(count)], post)


class ThreadedAnswers:
    """Requests under way."""

    def __init__(self, clients: list[FlaskClient], post: Callable[[FlaskClient], Any]) -> None:
        self._threads = ThreadPoolExecutor(len(clients))
        self._answers = [self._threads.submit(post, client) for client in clients]

    def all(self) -> list[Any]:
        """Their answers."""
        found = [answer.result() for answer in self._answers]
        self._threads.shutdown()
        return found


def sharing(gateway: Gateway, count: int) -> str:
    """The id of the one job, once so many requests share it."""
    give_up_at = time.monotonic() + 20
    while True:
        ids = accepted_ids(gateway)
        if ids and gateway.ledger.record(ids[0]).get("sharers") == str(count):
            [job_id] = ids
            return job_id
        assert time.monotonic() < give_up_at, f"{ids} are not shared by {count}"
        time.sleep(0.01)


def common_to_all(answer: Any) -> str:
    """What an answer says, without its own id, its time, and the comments of a stream."""
    lines = [line for line in answer.text.splitlines() if not line.startswith(":")]
    own = re.escape(answer.headers["x-request-id"])
    return re.sub(rf'{own}|"created":\d+', "", "\n".join(lines))


@pytest.mark.parametrize("stream", [False, True])
def test_many_equal_requests_make_one_job(
    http: FlaskClient, gateway: Gateway, player: Player, stream: bool
) -> None:
    """Everyone has the whole answer under an id of its own; one is the first, all others not."""
    player.gate.clear()
    under_way = at_once(http, TOGETHER, lambda client: greedy(client, stream=stream))
    job_id = sharing(gateway, TOGETHER)
    player.gate.set()
    answers = under_way.all()
    assert len(player.jobs) == 1
    said = [answer.headers["x-cache"] for answer in answers]
    assert sorted(said) == ["coalesced"] * (TOGETHER - 1) + ["miss"]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == TOGETHER
    assert ids[said.index("miss")] == job_id
    for answer, request_id in zip(answers, ids, strict=True):
        assert answer.status_code == 200
        assert f"chatcmpl-{request_id}" in answer.text
        # A stream is resumed under the job's id.
        assert not stream or answer.text.startswith(f": job {job_id}\n")
    assert len({common_to_all(answer) for answer in answers}) == 1
    assert greedy(http).headers["x-cache"] == "hit"


def test_equal_embeddings_make_one_job(http: FlaskClient, gateway: Gateway, player: Player) -> None:
    """As answers do."""
    player.gate.clear()
    body = {"model": EMBED, "input": ["a", "b"]}
    under_way = at_once(http, 8, lambda client: client.post("/v1/embeddings", json=body))
    sharing(gateway, 8)
    player.gate.set()
    answers = under_way.all()
    assert len(player.jobs) == 1
    assert len({answer.text for answer in answers}) == 1
    assert sorted(answer.headers["x-cache"] for answer in answers)[-1] == "miss"


def test_processes_share_as_threads_do(
    http: FlaskClient, gateway: Gateway, api_settings: ApiSettings, player: Player
) -> None:
    """The ledger decides whose job it is."""
    player.gate.clear()
    other = create_app(api_settings, gateway).test_client()
    clients = [http, other]
    under_way = ThreadedAnswers(clients, greedy)
    sharing(gateway, 2)
    player.gate.set()
    assert sorted(answer.headers["x-cache"] for answer in under_way.all()) == [
        *("coalesced", "miss")
    ]


@pytest.mark.parametrize("first_leaves", [True, False])
def test_one_that_leaves_stops_nobody_else(
    http: FlaskClient, gateway: Gateway, player: Player, first_leaves: bool
) -> None:
    """Neither the first one nor a later one; whoever stays gets all, and what it got is kept."""
    player.gate.clear()
    streams = [greedy(http, stream=True, buffered=False) for _ in range(2)]
    leaves, stays = streams if first_leaves else reversed(streams)
    leaves.close()
    player.gate.set()
    assert "[DONE]" in stays.text
    assert len(player.jobs) == 1
    assert greedy(http).headers["x-cache"] == "hit"
    assert gateway.ledger.state(accepted_ids(gateway)[0]) == "done"


def test_the_last_one_that_leaves_cancels(http: FlaskClient, gateway: Gateway) -> None:
    """Nobody else wants it."""
    Player(gateway).says_it_is("first")
    streams = [greedy(http, stream=True, buffered=False) for _ in range(3)]
    [job_id] = accepted_ids(gateway)
    for number, stream in enumerate(streams):
        assert gateway.ledger.state(job_id) == "queued", number
        stream.close()
    assert gateway.ledger.state(job_id) == "cancelled"


def test_after_a_cancel_the_next_one_has_its_own_job(http: FlaskClient, gateway: Gateway) -> None:
    """It does not join what is over."""
    Player(gateway).says_it_is("first")
    for _ in range(2):
        response = greedy(http, stream=True, buffered=False)
        assert response.headers["x-cache"] == "miss"
        response.close()
    assert len(accepted_ids(gateway)) == 2


def test_who_comes_late_finds_what_was_just_computed(
    gateway: Gateway, api_settings: ApiSettings, player: Player
) -> None:
    """By another process, before it was written to the cache: for a moment the job is shared."""
    clients = [create_app(api_settings, gateway).test_client() for _ in range(2)]
    answers = [greedy(client) for client in clients]
    assert [answer.headers["x-cache"] for answer in answers][1] in ("coalesced", "hit")
    assert len(player.jobs) == 1


def test_an_error_is_everyones(http: FlaskClient, gateway: Gateway, player: Player) -> None:
    """Of those who share the job; the next request has another try."""
    player.gate.clear()
    player.failure = Failed.of(ModelFailed("It broke."))
    under_way = at_once(http, 3, greedy)
    sharing(gateway, 3)
    player.gate.set()
    assert [answer.status_code for answer in under_way.all()] == [500] * 3
    assert len(player.jobs) == 1


def test_a_job_that_is_deleted_ends_for_all(http: FlaskClient, gateway: Gateway) -> None:
    """An explicit cancel is an end as any: who shares the job is told."""
    Player(gateway).says_it_is("first")
    under_way = at_once(http, 3, greedy)
    job_id = sharing(gateway, 3)
    assert http.delete(f"/v1/jobs/{job_id}").status_code == 200
    assert {answer.json["error"]["code"] for answer in under_way.all()} == {"job_cancelled"}


@pytest.mark.parametrize(
    "changed",
    [
        {"temperature": 1},
        {"timeout_s": 60},
        {"headers": {"Cache-Control": "no-store"}},
        {"headers": {"Cache-Control": "no-cache"}},
        {"headers": {"Millrace-Resume": "5"}},
    ],
    ids=["unseeded", "deadline", "no-store", "no-cache", "resumable"],
)
def test_these_stay_apart(http: FlaskClient, gateway: Gateway, changed: dict[str, Any]) -> None:
    """Each has a job of its own."""
    Player(gateway).says_it_is("first")
    streams = [greedy(http, stream=True, buffered=False, **changed) for _ in range(2)]
    assert len(accepted_ids(gateway)) == 2
    for stream in streams:
        stream.close()


def test_owners_never_share(
    http: FlaskClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two who ask the same at once have two jobs."""
    Player(gateway).says_it_is("first")
    streams = []
    for owner in ("alice", "bob"):
        monkeypatch.setattr("app.answering.owner_of", lambda key, owner=owner: owner)
        streams.append(greedy(http, stream=True, buffered=False))
    assert [stream.headers["x-cache"] for stream in streams] == ["miss"] * 2
    for stream in streams:
        stream.close()


def test_a_stream_that_is_shared_can_be_resumed(
    http: FlaskClient, gateway: Gateway, player: Player
) -> None:
    """Under the id that it named, from the event after the last one read."""
    player.gate.clear()
    streams = [greedy(http, stream=True, buffered=False) for _ in range(2)]
    job_id = sharing(gateway, 2)
    player.gate.set()
    for stream in streams:
        whole = stream.text
    resumed = http.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "2"}).text
    assert resumed.startswith(f": job {job_id}\n")
    assert resumed.count("data: ") == whole.count("data: ") - 2
