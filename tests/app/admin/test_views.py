"""What the admin API shows of models, nodes, queues and slots."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tasks.fleet import Assignment, Child, Gpu, Offer, Placement
from tasks.gateway import Gateway
from tasks.jobs import ChatJob, Message, Priority, new_id
from tasks.model import Model
from tests.app.admin.box import BEARER, Box, Operator
from tests.app.asking import ask
from tests.app.conftest import Worker
from tests.app.lane import node
from worker import remote
from worker.process import current


@pytest.fixture
def absent(gateway: Gateway) -> Model:
    """A model of the file that nobody serves."""
    return gateway.catalog.find("absent")


def accept(gateway: Gateway, model: Model, priority: Priority) -> None:
    """Have a job wait for the model."""
    job = ChatJob(
        id=new_id(), model=model.name, messages=(Message("user", "hi"),), priority=priority
    )
    gateway.ledger.accept(job, model.queue)


def test_a_loaded_model_is_shown_whole(
    operator: Operator, gateway: Gateway, box: Box, absent: Model
) -> None:
    """Its definition, its state, its workers and its queue."""
    now_ms = box.now_ms()
    box.child(absent, "running", restarts=2)
    box.worker(absent, memory_bytes=5_000, busy=0, idle_ms=now_ms - 3_000, device="cuda:0")
    box.place("absent", Placement("placed", ("box",), loads=4))
    for priority in (Priority.INTERACTIVE, Priority.BATCH, Priority.BATCH):
        accept(gateway, absent, priority)
    shown = operator.get("models/absent")
    [worker] = shown.pop("workers")
    queue = shown.pop("queue")
    assert shown.pop("state_since") == pytest.approx(now_ms / 1000, abs=2)
    assert shown == {
        "object": "model",
        "name": "absent",
        "aliases": [],
        "kind": "chat",
        "source": "echo:",
        "defined": "file",
        "device": "cpu",
        "slots": 8,
        "context": 2048,
        "ttl_s": 0.0,
        "pinned": False,
        "replicas": 1,
        "state": "ready",
        "reason": None,
        "progress": 1.0,
        "wanted": True,
        "why": "start",
        "since": None,
        "idle_since": (now_ms - 3_000) / 1000,
        "memory_bytes": 5_000,
        "nodes": ["box"],
        "loads": 4,
        "attempts": 3,
    }
    assert worker["node"] == "chat.absent@box"
    assert (worker["fleet_node"], worker["state"], worker["device"]) == ("box", "ready", "cuda:0")
    assert queue["waiting"] == {"interactive": 1, "background": 0, "batch": 2}
    assert (queue["resuming"], queue["running"]) == (0, 0)
    assert 0 <= queue["oldest_s"] < 5


@pytest.mark.parametrize(
    "fields", [{"busy": 1, "idle_ms": 5}, {"idle_ms": 0}, {"state": "draining", "idle_ms": 5}]
)
def test_a_model_that_works_is_not_idle(
    operator: Operator, box: Box, absent: Model, fields: dict[str, Any]
) -> None:
    """Nor is one that is not ready."""
    box.worker(absent, **fields)
    assert operator.get("models/absent")["idle_since"] is None


def test_a_model_is_idle_since_its_last_worker_is(
    operator: Operator, gateway: Gateway, box: Box, absent: Model
) -> None:
    """Of two on two nodes; their memory is added up."""
    box.worker(absent, idle_ms=9_000, memory_bytes=10)
    reports = gateway.roster.workers(absent.queue)
    gateway.roster.report(absent.queue, "w2", reports["w"])
    box.worker(absent, idle_ms=5_000, memory_bytes=7)
    shown = operator.get("models/absent")
    assert (shown["idle_since"], shown["memory_bytes"]) == (9.0, 17)


def test_a_process_that_ended_is_not_shown(operator: Operator, box: Box, absent: Model) -> None:
    """Unless it says why it failed."""
    gone: dict[str, Any] = {"pid": 2**22 + 1, "born": 1}
    box.worker(absent, **gone)
    assert operator.get("models/absent")["workers"] == []
    box.worker(absent, "failed", reason="no file", **gone)
    shown = operator.get("models/absent")
    assert [worker["reason"] for worker in shown["workers"]] == ["no file"]
    assert (shown["state"], shown["reason"], shown["memory_bytes"]) == ("failed", "no file", 0)


def test_the_list_has_every_model_in_the_files_order(operator: Operator) -> None:
    """As an OpenAI list."""
    listed = operator.get("models")
    assert listed["object"] == "list"
    assert [row["name"] for row in listed["data"]] == ["echo", "echo-embed", "absent"]


def test_an_unknown_model_is_a_404(operator: Operator) -> None:
    """As everywhere."""
    response: Any = operator.http.get("/admin/models/no/body", headers=BEARER)
    assert response.status_code == 404
    assert response.json["error"]["code"] == "model_not_found"


def test_a_node_is_shown_with_what_it_serves_and_cannot(
    operator: Operator, box: Box, absent: Model
) -> None:
    """Memory used is its children's; GPUs have their budgets and what is on them."""
    box.offer(absent)
    box.offers["big"] = Offer("f", (), "it needs 90 GB")
    box.children["big"] = Child(
        model="big",
        device="cuda:1",
        fingerprint="f",
        state="paused",
        since_ms=2_000,
        restarts=3,
        reason="killed by signal 9",
        host_bytes=100,
        gpu_bytes=40,
    )
    box.child(absent, "running", pid=77, host_bytes=11)
    box.say(gpus=(Gpu(1, "a card", 1_000, 900),), gpu_budgets={1: 800})
    box.fleet.assign("box", {"absent": Assignment("cpu", "drain"), "next": Assignment("any")})
    [shown] = operator.get("nodes")["data"]
    assert (shown["name"], shown["alive"], shown["started"]) == ("box", True, 1.0)
    assert (shown["cores"], shown["used_bytes"]) == (4, 111)
    assert (shown["memory_bytes"], shown["budget_bytes"]) == (8 << 30, 6 << 30)
    assert shown["engines"] == ["echo", "llama"]
    assert shown["gpus"] == [
        {
            "index": 1,
            "name": "a card",
            "memory_bytes": 1_000,
            "free_bytes": 900,
            "budget_bytes": 800,
            "used_bytes": 40,
        }
    ]
    assert shown["cannot_serve"] == {"big": "it needs 90 GB"}
    models = {row["model"]: row for row in shown["models"]}
    assert (models["absent"]["order"], models["absent"]["pid"]) == ("drain", 77)
    assert (models["big"]["order"], models["big"]["restarts"]) == (None, 3)
    assert models["big"]["reason"] == "killed by signal 9"
    assert models["next"] == {"model": "next", "order": "serve", "device": "any", "state": None}


def test_a_silent_node_is_shown_as_such(operator: Operator, box: Box) -> None:
    """With its last report."""
    box.say(expires_ms=1)
    assert [row["alive"] for row in operator.get("nodes")["data"]] == [False]


@pytest.mark.usefixtures("workers")
def test_queues_are_shown_with_their_workers(operator: Operator, gateway: Gateway) -> None:
    """Those of the catalog, and those that only old jobs lie in."""
    ask(operator.http)
    gone = Model(name="gone", kind="chat", source="echo:")
    accept(gateway, gone, Priority.BACKGROUND)
    rows = {row["queue"]: row for row in operator.get("queues")["data"]}
    assert list(rows) == ["chat.absent", "chat.echo", "chat.gone", "embed.echo-embed"]
    assert (rows["chat.echo"]["workers_ready"], rows["chat.echo"]["slots"]) == (1, 2)
    assert rows["chat.echo"]["per_s"] > 0
    assert (rows["chat.absent"]["model"], rows["chat.absent"]["workers_ready"]) == ("absent", 0)
    assert rows["chat.gone"]["model"] is None
    assert rows["chat.gone"]["waiting"]["background"] == 1


@pytest.fixture
def inspected(gateway: Gateway, workers: list[Worker]) -> Any:
    """The real workers answer the real command."""
    with ExitStack() as stack:
        for worker in workers:

            def slots(state: object, process: Any = worker.process) -> object:
                current.set(process)
                return remote.slots(state)

            name = worker.process.leases.node
            stack.enter_context(node(gateway.celery, name, slots=slots))
        yield


def test_slots_are_shown_as_the_workers_say(
    operator: Operator, gateway: Gateway, box: Box, absent: Model
) -> None:
    """By number, with everything that is said of each; an older worker names jobs alone."""
    box.worker(absent)
    busy = {"state": "prompt", "job": "j1", "prompt_tokens": 9, "position": 4}
    reply = {"10": "j2", "2": busy, "0": {"state": "idle", "position": 3}}
    with node(gateway.celery, "chat.absent@box", slots=lambda _state: reply):
        [told] = operator.get("slots?model=absent")["data"]
    assert (told["model"], told["fleet_node"], told["total"]) == ("absent", "box", 8)
    assert told["slots"] == [
        {"slot": 0, "state": "idle", "position": 3},
        {"slot": 2} | busy,
        {"slot": 10, "job": "j2"},
    ]


@pytest.mark.usefixtures("inspected")
def test_every_ready_worker_is_asked(operator: Operator) -> None:
    """Of all models, where none is named; real ones, with nothing to do."""
    chats, embeds = operator.get("slots")["data"]
    assert (chats["model"], chats["answered"]) == ("echo", True)
    assert [slot["slot"] for slot in chats["slots"]] == [0, 1]
    assert (embeds["model"], embeds["answered"], embeds["slots"]) == ("echo-embed", True, [])


@pytest.mark.usefixtures("workers")
def test_a_worker_that_does_not_answer_is_listed(operator: Operator) -> None:
    """Within the timeout, and the others' answers are there."""
    began = time.monotonic()
    told = operator.get("slots?model=echo")["data"]
    assert time.monotonic() - began < 3
    assert [(row["node"].split("@")[0], row["answered"]) for row in told] == [("chat.echo", False)]


def test_without_ready_workers_nobody_is_asked(operator: Operator) -> None:
    """An empty list, at once; an unknown model is a 404."""
    began = time.monotonic()
    assert operator.get("slots")["data"] == []
    assert time.monotonic() - began < 0.5
    assert operator.http.get("/admin/slots?model=x", headers=BEARER).status_code == 404


def test_no_route_shows_the_settings(operator: Operator, folder: Path, box: Box) -> None:
    """Neither folders of this machine nor addresses of Redis."""
    for path in ("models", "nodes", "queues", "slots", "cache"):
        text = str(operator.get(path))
        assert str(folder) not in text
        assert "redis://" not in text
