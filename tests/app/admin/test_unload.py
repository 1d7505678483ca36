"""Unloading models, and forgetting such that were added."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from tasks.fleet import Wish
from tasks.gateway import Gateway
from tasks.jobs import ChatJob, Message, new_id
from tasks.model import Model
from tests.app.admin.box import Box, Operator, after, eventually

ADDED = {"name": "added", "kind": "chat", "source": "echo:", "slots": 2, "context": 64}


@pytest.fixture
def absent(gateway: Gateway, box: Box) -> Model:
    """A model of the file, loaded."""
    model = gateway.catalog.find("absent")
    box.serve(model)
    return model


@pytest.fixture
def added(operator: Operator, gateway: Gateway, box: Box) -> Model:
    """A model that was added, loaded."""
    operator.load(ADDED)
    model = gateway.catalog.find("added")
    box.serve(model)
    return model


def job_for(gateway: Gateway, model: Model) -> str:
    """The id of a job that waits for the model."""
    job = ChatJob(id=new_id(), model=model.name, messages=(Message("user", "hi"),))
    gateway.ledger.accept(job, model.queue)
    return job.id


def code_of(response: Any) -> tuple[int, str]:
    """Status and code of a refusal."""
    return response.status_code, response.json["error"]["code"]


def test_an_unload_is_wished_and_answered_at_once(
    operator: Operator, box: Box, absent: Model
) -> None:
    """202: what runs is finished first."""
    response = operator.unload("absent")
    assert (response.status_code, response.json["state"]) == (202, "ready")
    assert response.headers["Location"] == "/admin/models/absent"
    wish = box.fleet.wishes()["absent"]
    assert (wish.wanted, wish.why, wish.force) == (False, "admin", False)
    assert response.json["wanted"] is False


def test_force_is_part_of_the_wish(operator: Operator, box: Box, absent: Model) -> None:
    """Whoever ends the process needs to know."""
    operator.unload("absent", force=True)
    assert box.fleet.wishes()["absent"].force


def test_waiting_ends_when_no_process_is_left(operator: Operator, box: Box, absent: Model) -> None:
    """Not before: a process that drains holds its memory."""
    box.worker(absent, "draining")
    draining = after(0.3, lambda: box.gateway.roster.retire(absent.queue, "w"))
    ended = after(0.8, lambda: box.end(absent))
    began = time.monotonic()
    response = operator.unload("absent", wait_s=20)
    assert (response.status_code, response.json["state"]) == (200, "unloaded")
    assert 0.8 <= time.monotonic() - began < 2
    draining.join()
    ended.join()


def test_when_the_time_is_up_the_state_is_told(operator: Operator, box: Box, absent: Model) -> None:
    """202, draining."""
    box.worker(absent, "draining", busy=1)
    response = operator.unload("absent", wait_s=0.3)
    assert (response.status_code, response.json["state"]) == (202, "draining")


def test_what_is_unloaded_is_a_200(operator: Operator, box: Box, gateway: Gateway) -> None:
    """With a reason, and twice."""
    for _ in range(2):
        response = operator.unload("absent")
        assert (response.status_code, response.json["state"]) == (200, "unloaded")
        assert response.json["reason"] == "an admin unloaded it"


def test_a_job_that_comes_for_it_ends_the_wait(operator: Operator, box: Box, absent: Model) -> None:
    """The placer wants it again; it would be waited for in vain."""
    again = Wish(wanted=True, why="request", at_ms=1)
    later = after(0.3, lambda: box.fleet.wish("absent", again))
    began = time.monotonic()
    response = operator.unload("absent", wait_s=20)
    assert (response.status_code, response.json["wanted"]) == (202, True)
    assert time.monotonic() - began < 2
    later.join()


def test_an_unknown_model_is_a_404(operator: Operator) -> None:
    """With and without forget."""
    assert code_of(operator.unload("nobody")) == (404, "model_not_found")
    assert code_of(operator.unload("nobody", forget=True)) == (404, "model_not_found")


@pytest.mark.usefixtures("workers")
def test_a_worker_that_no_node_keeps_is_named(operator: Operator, box: Box) -> None:
    """A real one: nobody here can end it."""
    response = operator.unload("echo")
    assert code_of(response) == (409, "not_kept_by_a_node")
    assert "chat.echo@" in response.json["error"]["message"]
    assert "echo" not in box.fleet.wishes()


def test_every_unload_leaves_a_line_in_the_log(
    operator: Operator, absent: Model, caplog: pytest.LogCaptureFixture
) -> None:
    """Which model, how, and who asked."""
    caplog.set_level(logging.INFO)
    operator.unload("absent", force=True)
    [line] = [each.msg for each in caplog.records if "admin unload" in str(each.msg)]
    assert isinstance(line, dict)
    told = line["model"], line["force"], line["forget"], line["remote"]
    assert told == ("absent", True, False, "127.0.0.1")


def test_a_model_of_the_file_is_not_forgotten(operator: Operator, box: Box, absent: Model) -> None:
    """400, and it stays loaded."""
    response = operator.unload("absent", forget=True)
    assert code_of(response) == (400, "invalid_value")
    assert response.json["error"]["param"] == "forget"
    assert "absent" not in box.fleet.wishes()


def test_an_added_model_is_forgotten_once_unloaded(
    operator: Operator, gateway: Gateway, box: Box, added: Model
) -> None:
    """The definition at once, and every route says so; what is left of it a moment later."""
    later = after(0.4, lambda: box.end(added))
    response = operator.unload("added", forget=True, wait_s=20)
    assert response.status_code == 200
    assert (response.json["state"], response.json["forgotten"]) == ("unloaded", True)
    later.join()
    assert gateway.fleet.definitions() == {}
    assert operator.http.get("/v1/models/added").status_code == 404
    assert code_of(operator.unload("added")) == (404, "model_not_found")
    # Another process took it for there a moment longer: its job does not wait for ever.
    late = job_for(gateway, added)
    assert not gateway.fleet.wishes()["added"].wanted
    eventually(lambda: "added" not in gateway.fleet.wishes())
    assert gateway.records.find(late, None).state == "cancelled"


def test_forgetting_goes_on_after_the_answer(
    operator: Operator, gateway: Gateway, box: Box, added: Model
) -> None:
    """202 while the model drains."""
    response = operator.unload("added", forget=True)
    assert (response.status_code, response.json["forgotten"]) == (202, False)
    assert "added" in gateway.fleet.definitions()
    box.end(added)
    eventually(lambda: gateway.fleet.definitions() == {})


def test_what_is_unloaded_is_forgotten_at_once(
    operator: Operator, gateway: Gateway, box: Box
) -> None:
    """200 although nobody said to wait."""
    operator.load(ADDED)
    response = operator.unload("added", forget=True)
    assert (response.status_code, response.json["forgotten"]) == (200, True)
    assert gateway.fleet.definitions() == {}


def test_a_name_that_is_defined_again_is_left_alone(
    operator: Operator, gateway: Gateway, box: Box
) -> None:
    """Its wish and its jobs are the new model's."""
    operator.load(ADDED)
    operator.unload("added", forget=True)
    operator.load(ADDED)
    job = job_for(gateway, gateway.catalog.find("added"))
    time.sleep(2)
    assert gateway.fleet.wishes()["added"].wanted
    assert gateway.records.find(job, None).state == "queued"


def test_a_model_that_jobs_need_is_not_forgotten(
    operator: Operator, gateway: Gateway, box: Box, added: Model
) -> None:
    """409 that says how many, and it stays loaded."""
    job_for(gateway, added)
    response = operator.unload("added", forget=True)
    assert code_of(response) == (409, "model_in_use")
    assert "(1 of them)" in response.json["error"]["message"]
    assert gateway.fleet.wishes()["added"].wanted
    assert "added" in gateway.fleet.definitions()


def test_a_model_that_is_asked_for_meanwhile_is_kept(
    operator: Operator, gateway: Gateway, box: Box, added: Model
) -> None:
    """409: its job would wait for a model that is no more."""
    again = Wish(wanted=True, why="request", at_ms=1)
    later = after(0.3, lambda: gateway.fleet.wish("added", again))
    response = operator.unload("added", forget=True, wait_s=20)
    assert code_of(response) == (409, "model_in_use")
    assert "added" in gateway.fleet.definitions()
    later.join()


def test_force_cancels_the_jobs_and_forgets(
    operator: Operator, gateway: Gateway, box: Box, added: Model
) -> None:
    """Those that wait, those that run, and one that comes while the model unloads."""
    first = job_for(gateway, added)
    gateway.ledger.claim(added.queue, "w")
    second = job_for(gateway, added)
    came: list[str] = []

    def meddle() -> None:
        came.append(job_for(gateway, added))
        gateway.fleet.wish("added", Wish(wanted=True, why="request", at_ms=1))

    later = after(0.3, meddle)
    response = operator.unload("added", forget=True, force=True, wait_s=0.8)
    assert (response.status_code, response.json["forgotten"]) == (202, False)
    later.join()
    assert gateway.records.find(first, None).cancelling
    for job_id in (second, *came):
        assert gateway.records.find(job_id, None).state == "cancelled"
    assert not gateway.fleet.wishes()["added"].wanted
    assert gateway.fleet.wishes()["added"].force
    # The worker has heard of it, gave the job up, and its process ended.
    gateway.redis.zrem(f"{gateway.settings.key_prefix}:running:{added.queue}", first)
    box.end(added)
    eventually(lambda: gateway.fleet.definitions() == {})
