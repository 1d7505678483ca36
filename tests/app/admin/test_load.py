"""Loading models: of the catalog, and such that are defined on the way."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

from tasks.catalog import load_catalog
from tasks.connection import Client
from tasks.fleet import Placement, Wish
from tasks.gateway import Gateway
from tasks.jobs import ChatJob, Message, new_id
from tasks.live_catalog import LiveCatalog
from tasks.model import Model
from tests.app.admin.box import BEARER, Box, Operator, after

ADDED = {"name": "added", "kind": "chat", "source": "echo:", "slots": 2, "context": 64}


@pytest.fixture
def absent(gateway: Gateway) -> Model:
    """A model of the file that nobody serves."""
    return gateway.catalog.find("absent")


def error_of(response: Any) -> tuple[int, str, str]:
    """Status, code and param of a refusal."""
    error = response.json["error"]
    return response.status_code, error["code"], error["param"]


def test_a_load_is_wished_and_answered_at_once(operator: Operator, box: Box, absent: Model) -> None:
    """202 with the model as it stands, and where its state can be followed."""
    began = time.monotonic()
    response = operator.load("absent")
    assert time.monotonic() - began < 1
    assert (response.status_code, response.json["state"]) == (202, "waiting")
    assert response.headers["Location"] == "/admin/models/absent"
    wish = box.fleet.wishes()["absent"]
    assert (wish.wanted, wish.why, wish.force) == (True, "admin", False)
    assert abs(wish.at_ms - box.now_ms()) < 2_000
    assert operator.get("models/absent")["why"] == "admin"


def test_an_alias_loads_its_model(operator: Operator, gateway: Gateway, box: Box) -> None:
    """The wish bears the model's own name."""
    operator.load(ADDED | {"aliases": ["again"]})
    gateway.fleet.wish("added", None)
    assert operator.load("again").json["name"] == "added"
    assert set(gateway.fleet.wishes()) == {"added"}


def test_a_model_that_serves_already_is_a_200(operator: Operator, box: Box, absent: Model) -> None:
    """There is nothing to follow."""
    box.serve(absent)
    response = operator.load("absent")
    assert (response.status_code, response.json["state"]) == (200, "ready")
    assert "Location" not in response.headers


def test_an_unknown_model_is_a_404(operator: Operator) -> None:
    """And nothing is wished."""
    response = operator.load("nobody")
    assert error_of(response) == (404, "model_not_found", "model")


def test_waiting_ends_when_the_model_is_ready(operator: Operator, box: Box, absent: Model) -> None:
    """200 within a moment of it."""
    later = after(0.4, lambda: box.serve(absent))
    began = time.monotonic()
    response = operator.load("absent", wait_s=20)
    assert (response.status_code, response.json["state"]) == (200, "ready")
    assert 0.4 <= time.monotonic() - began < 2
    later.join()


def test_when_the_time_is_up_the_state_is_told(operator: Operator, box: Box, absent: Model) -> None:
    """202, as if it had not waited."""
    box.worker(absent, "loading", progress=0.25)
    began = time.monotonic()
    response = operator.load("absent", wait_s=0.5)
    assert 0.5 <= time.monotonic() - began < 1.5
    assert response.status_code == 202
    assert (response.json["state"], response.json["progress"]) == ("loading", 0.25)


def test_a_worker_that_cannot_load_it_ends_the_wait(
    operator: Operator, box: Box, absent: Model
) -> None:
    """503 with the worker's reason, as soon as it says so."""

    def fail() -> None:
        box.child(absent, "paused", reason="it ended with status 1")
        box.worker(absent, "failed", reason="no sound GGUF file")

    later = after(0.3, fail)
    began = time.monotonic()
    response = operator.load("absent", wait_s=20)
    assert time.monotonic() - began < 2
    assert error_of(response)[:2] == (503, "model_unavailable")
    assert "no sound GGUF file" in response.json["error"]["message"]
    later.join()


def test_an_old_failure_does_not_end_the_wait(operator: Operator, box: Box, absent: Model) -> None:
    """The file may have been repaired since: it is tried again."""
    old = box.now_ms() - 5_000
    box.child(absent, "paused", reason="it ended", since_ms=old, restarts=3)
    box.worker(absent, "failed", reason="no file", since_ms=old)
    later = after(0.6, lambda: box.serve(absent))
    assert operator.load("absent", wait_s=10).status_code == 200
    later.join()


def test_an_old_failure_that_lasts_is_told_in_the_end(
    operator: Operator, box: Box, absent: Model
) -> None:
    """When the time is up."""
    box.child(absent, "paused", reason="killed by signal 11", since_ms=1, restarts=3)
    response = operator.load("absent", wait_s=0.3)
    assert response.status_code == 503
    assert "killed by signal 11" in response.json["error"]["message"]


def test_a_process_that_was_killed_once_is_waited_for(
    operator: Operator, box: Box, absent: Model
) -> None:
    """It is started again; killed twice it has failed."""
    box.child(absent, "paused", reason="killed by signal 9", restarts=1)
    later = after(0.6, lambda: box.serve(absent))
    assert operator.load("absent", wait_s=10).status_code == 200
    later.join()
    box.end(absent)
    twice = after(0.3, lambda: box.child(absent, "paused", reason="killed by signal 9", restarts=2))
    began = time.monotonic()
    assert operator.load("absent", wait_s=20).status_code == 503
    assert time.monotonic() - began < 2
    twice.join()


def test_what_no_node_can_serve_is_refused(operator: Operator, box: Box, absent: Model) -> None:
    """Once its nodes have said so of this definition, long before the time is up."""
    box.offer(absent, "it has no GPU")
    box.place("absent", Placement("unplaceable", reason="box: it has no GPU"))
    began = time.monotonic()
    response = operator.load("absent", wait_s=20)
    assert 1.5 < time.monotonic() - began < 4
    assert error_of(response)[:2] == (503, "model_unplaceable")
    assert "it has no GPU" in response.json["error"]["message"]


def test_what_was_said_of_another_definition_refuses_nothing(
    operator: Operator, box: Box, absent: Model
) -> None:
    """The placer's word is older than the nodes' look at it."""
    box.place("absent", Placement("unplaceable", reason="too large"))
    assert operator.load("absent", wait_s=0.3).status_code == 202


@pytest.mark.usefixtures("workers")
def test_a_worker_without_a_node_serves_too(operator: Operator) -> None:
    """A real one."""
    response = operator.load("echo", wait_s=5)
    assert (response.status_code, response.json["state"]) == (200, "ready")


def test_a_client_that_leaves_ends_the_wait(
    operator: Operator, box: Box, absent: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model loads on all the same."""
    monkeypatch.setattr("app.client.Client.gone", lambda _self: True)
    began = time.monotonic()
    assert operator.load("absent", wait_s=20).status_code == 499
    assert time.monotonic() - began < 2
    assert box.fleet.wishes()["absent"].wanted


def test_a_process_that_must_end_answers_what_it_knows(
    operator: Operator, box: Box, absent: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """202: the next process can be asked."""
    monkeypatch.setattr("app.drain.Drain.over", True)
    began = time.monotonic()
    assert operator.load("absent", wait_s=20).status_code == 202
    assert time.monotonic() - began < 2


def test_a_definition_is_kept_and_wanted(
    operator: Operator, gateway: Gateway, box: Box, client: Client, api_settings: Any
) -> None:
    """Another process sees it at once; it is restricted, and created now."""
    elsewhere = LiveCatalog(api_settings, client)
    response = operator.load(ADDED)
    assert response.status_code == 202
    assert response.headers["Location"] == "/admin/models/added"
    assert (response.json["defined"], response.json["slots"]) == ("admin", 2)
    found = elsewhere.now().find("added")
    assert found == gateway.fleet.definitions()["added"]
    assert found.restricted
    assert abs(found.created_at - time.time()) < 5
    assert gateway.fleet.wishes()["added"].wanted
    names = [row["name"] for row in operator.get("models")["data"]]
    assert names == [*(model.name for model in load_catalog(api_settings)), "added"]


def test_an_added_model_is_one_for_every_route(operator: Operator, box: Box) -> None:
    """/v1/models has it, and its jobs are accepted."""
    operator.load(ADDED)
    listed = operator.http.get("/v1/models/added").json
    assert listed is not None
    assert (listed["id"], listed["context"], listed["vision"]) == ("added", 64, False)
    body = {"model": "added", "messages": [{"role": "user", "content": "hi"}], "background": True}
    assert operator.http.post("/v1/chat/completions", json=body).status_code == 202
    assert operator.get("models/added")["queue"]["waiting"]["background"] == 1


def test_the_same_name_again_replaces_the_definition(
    operator: Operator, gateway: Gateway, box: Box
) -> None:
    """It is not ready before a worker of the new one is."""
    operator.load(ADDED)
    before = gateway.catalog.find("added")
    box.serve(before)
    response = operator.load(ADDED | {"context": 128}, wait_s=0.3)
    assert (response.status_code, response.json["context"]) == (202, 128)
    now = gateway.catalog.find("added")
    assert now.context == 128
    assert now.fingerprint != before.fingerprint
    box.serve(now)
    assert operator.load("added").status_code == 200


@pytest.mark.parametrize("name", ["echo", "absent"])
def test_the_file_wins(operator: Operator, gateway: Gateway, name: str) -> None:
    """A definition under a name of the file is refused, and nothing is kept or wished."""
    response = operator.load(ADDED | {"name": name})
    assert error_of(response) == (409, "defined_by_file", "model.name")
    assert "the file wins" in response.json["error"]["message"]
    assert response.headers["x-should-retry"] == "false"
    assert gateway.fleet.definitions() == {}
    assert gateway.fleet.wishes() == {}


def test_names_and_aliases_are_taken_once(operator: Operator) -> None:
    """By models of the file and by added ones."""
    operator.load(ADDED | {"aliases": ["nick"]})
    other = ADDED | {"name": "other"}
    for aliases in (["nick"], ["added"], ["echo"]):
        taken = operator.load(other | {"aliases": aliases})
        assert error_of(taken) == (409, "name_taken", "model.aliases")
    assert error_of(operator.load(ADDED | {"name": "nick"})) == (409, "name_taken", "model.name")
    assert operator.load(ADDED | {"aliases": ["nick", "nack"]}).status_code == 202


def test_a_name_in_use_does_not_change_its_kind(
    operator: Operator, gateway: Gateway, box: Box
) -> None:
    """Another kind has another queue: the jobs in the old one would wait for ever."""
    operator.load(ADDED)
    message = Message("user", "hi")
    job = ChatJob(id=new_id(), model="added", messages=(message,))
    gateway.ledger.accept(job, "chat.added")
    embeds = ADDED | {"kind": "embed"}
    assert error_of(operator.load(embeds)) == (409, "model_in_use", "model.kind")
    gateway.ledger.cancel(job.id, "chat.added")
    assert operator.load(embeds).status_code == 202


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"source": "path:/etc/passwd"}, "model.source"),
        ({"source": "path:{folder}/../x.gguf"}, "model.source"),
        ({"source": "path:~/x.gguf"}, "model.source"),
        ({"source": "path:{folder}/a\x00.gguf"}, "model.source"),
        ({"source": "path:{folder}/link.gguf"}, "model.source"),
        ({"kind": "embed", "tokenizer": "path:{folder}/../t.json"}, "model.tokenizer"),
        ({"slots": 0}, "model.slots"),
        ({"unknown": 1}, "model.unknown"),
    ],
)
def test_a_definition_that_may_not_be_is_kept_nowhere(
    operator: Operator, gateway: Gateway, folder: Path, changes: dict[str, Any], param: str
) -> None:
    """400 that names the field."""
    (folder / "link.gguf").symlink_to("/etc/passwd")
    given = {
        name: value.replace("{folder}", str(folder)) if isinstance(value, str) else value
        for name, value in changes.items()
    }
    response = operator.load(ADDED | given)
    assert response.status_code == 400
    assert response.json["error"]["param"] == param
    assert gateway.fleet.definitions() == {}


def test_a_file_in_an_allowed_folder_is_accepted(
    operator: Operator, gateway: Gateway, folder: Path
) -> None:
    """By its checked path."""
    response = operator.load(ADDED | {"source": f"path:{folder}/deep/../m.gguf"})
    assert response.status_code == 202
    assert gateway.fleet.definitions()["added"].source == f"path:{folder}/m.gguf"


def test_bodies_are_bounded(operator: Operator) -> None:
    """An admin's body is small: 413 says how small."""
    response = operator.load("x" * 70_000)
    assert response.status_code == 413
    assert "65536 bytes" in response.json["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": NaN}', b"[" * 5_000])
def test_broken_bodies_are_bad_requests(operator: Operator, body: bytes) -> None:
    """In OpenAI's shape, on both routes."""
    for path in ("load", "unload"):
        response: Any = operator.http.post(f"/admin/models/{path}", data=body, headers=BEARER)
        assert response.status_code == 400
        assert response.json["error"]["type"] == "invalid_request_error"


def test_every_load_leaves_a_line_in_the_log(
    operator: Operator, box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    """Which model, whether it was defined, and who asked."""
    caplog.set_level(logging.INFO)
    operator.load("absent")
    operator.load(ADDED)
    lines: list[Any] = [each.msg for each in caplog.records if "admin load" in str(each.msg)]
    told = [(line["model"], line["defined"], line["remote"]) for line in lines]
    assert told == [("absent", False, "127.0.0.1"), ("added", True, "127.0.0.1")]


def test_an_older_wish_is_replaced(operator: Operator, box: Box) -> None:
    """What was evicted a moment ago is wanted again."""
    box.fleet.wish("absent", Wish(wanted=False, why="evicted", at_ms=1))
    operator.load("absent")
    assert box.fleet.wishes()["absent"].wanted
