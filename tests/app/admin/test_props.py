"""``/props`` and ``/slots``, as llama-server's clients know them; they need no key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tasks.gateway import Gateway
from tasks.model import Model
from tests.app.admin.box import Box
from tests.app.lane import node

BUSY = {
    "state": "generating",
    "job": "01a202c391255b34411f7be3afb4cc34",
    "prompt_tokens": 40,
    "cached_tokens": 3,
    "generated_tokens": 7,
    "position": 47,
}


@pytest.fixture
def http(flask: Flask) -> FlaskClient:
    """A client without a key."""
    return flask.test_client()


@pytest.fixture
def absent(gateway: Gateway, box: Box) -> Model:
    """A model with 8 slots, ready."""
    model = gateway.catalog.find("absent")
    box.worker(model, context=512)
    return model


@contextmanager
def saying(gateway: Gateway, reply: Callable[[], object]) -> Iterator[None]:
    """The worker's answer to the command."""
    with node(gateway.celery, "chat.absent@box", slots=lambda _state: reply()):
        yield


def test_props_tell_of_one_model(http: FlaskClient, absent: Model) -> None:
    """Context and slots are its worker's, the path is its name."""
    found: Any = http.get("/props?model=absent").json
    assert found["default_generation_settings"]["n_ctx"] == 512
    assert found["default_generation_settings"]["params"]["temperature"] == 1.0
    assert found["total_slots"] == 8
    assert (found["model_alias"], found["model_path"]) == ("absent", "absent")
    assert found["modalities"] == {"vision": False, "audio": False}
    assert found["build_info"].startswith("millrace-")
    assert (found["chat_template"], found["is_sleeping"]) == ("", False)


def test_props_of_an_unloaded_model_are_the_catalogs(http: FlaskClient) -> None:
    """It sleeps."""
    found: Any = http.get("/props?model=echo").json
    assert (found["default_generation_settings"]["n_ctx"], found["total_slots"]) == (600, 2)
    assert found["is_sleeping"] is True


def test_no_path_of_this_machine_is_told(http: FlaskClient, gateway: Gateway, box: Box) -> None:
    """Whatever the model's source is."""
    source = "path:/srv/secret/weights.gguf"
    seeing = Model(
        name="seeing", kind="multimodal", source=source, mmproj="path:/srv/secret/eyes.gguf"
    )
    gateway.fleet.define(seeing)
    gateway.refreshed_catalog()
    response: Any = http.get("/props?model=seeing")
    assert response.json["modalities"]["vision"] is True
    assert "secret" not in response.text


@pytest.mark.parametrize("path", ["/props", "/slots"])
def test_with_several_models_one_must_be_named(http: FlaskClient, path: str) -> None:
    """400 that says how many chat; an unknown one is a 404."""
    response: Any = http.get(path)
    assert response.status_code == 400
    assert response.json["error"]["param"] == "model"
    assert http.get(f"{path}?model=nobody").status_code == 404


def test_slots_are_llama_servers_and_say_nothing_of_clients(
    http: FlaskClient, gateway: Gateway, absent: Model
) -> None:
    """Every slot, idle ones too; no job's id, no text."""
    with saying(gateway, lambda: {"1": BUSY, "0": {"state": "idle", "position": 9}}):
        response: Any = http.get("/slots?model=absent")
    slots = response.json
    assert [slot["id"] for slot in slots] == list(range(8))
    assert [slot["is_processing"] for slot in slots] == [False, True] + [False] * 6
    assert [slot["id_task"] for slot in slots[:2]] == [-1, 0]
    assert slots[1]["next_token"]["n_decoded"] == 7
    assert slots[1]["n_ctx"] == 512
    assert BUSY["job"] not in response.text


def test_a_full_model_is_a_503_for_who_asks_so(
    http: FlaskClient, gateway: Gateway, absent: Model
) -> None:
    """As a load balancer in front of llama-server does."""
    everything = {str(slot): BUSY for slot in range(8)}
    with saying(gateway, lambda: everything):
        assert http.get("/slots?model=absent").status_code == 200
        assert http.get("/slots?model=absent&fail_on_no_slot=1").status_code == 503
    with saying(gateway, lambda: everything | {"3": {"state": "idle"}}):
        assert http.get("/slots?model=absent&fail_on_no_slot=1").status_code == 200


@pytest.mark.parametrize("reply", [{"error": "secret"}, "secret", {}, {"0": None}, {"x": 1}])
def test_an_odd_reply_is_no_error(
    http: FlaskClient, gateway: Gateway, absent: Model, reply: object
) -> None:
    """A worker of another release, or one that fails: its slots are shown as idle."""
    with saying(gateway, lambda: json.loads(json.dumps(reply))):
        response: Any = http.get("/slots?model=absent")
    assert response.status_code == 200
    assert not any(slot["is_processing"] for slot in response.json)
    assert "secret" not in response.text


def test_without_a_ready_worker_there_are_no_slots(http: FlaskClient) -> None:
    """And none is free."""
    assert http.get("/slots?model=echo").json == []
    assert http.get("/slots?model=echo&fail_on_no_slot=1").status_code == 503
