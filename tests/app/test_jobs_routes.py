"""/v1/jobs/{id}: reading, waiting and cancelling, on a real Redis."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.drain import Drain
from tasks.gateway import Gateway
from tasks.ledger import CANCELLED
from tests.app.by_hand import BROKEN, HELLO, QUEUE, Hand, waiting_job


def get(http: FlaskClient, url: str) -> Any:
    return http.get(url)


def test_a_finished_job_is_read_with_its_result(http: FlaskClient, gateway: Gateway) -> None:
    """The whole answer, what it counted, and until when it is kept."""
    job_id = waiting_job(gateway, metadata={"for": "ann"})
    Hand(gateway.ledger).say(*HELLO, state="done")
    body: Any = get(http, f"/v1/jobs/{job_id}").json
    assert (body["id"], body["state"], body["metadata"]) == (job_id, "done", {"for": "ann"})
    assert body["result"]["id"] == f"chatcmpl-{job_id}"
    assert body["result"]["choices"][0]["message"]["content"] == "hello"
    assert body["usage"] == body["result"]["usage"]
    assert body["expires_at"] - body["finished_at"] == gateway.settings.answered_ttl_s


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("/v1/chat/completions", {"model": "echo", "messages": [{"role": "user", "content": "a"}]}),
        ("/v1/completions", {"model": "echo", "prompt": ["a", "b"], "logprobs": 1}),
        ("/v1/embeddings", {"model": "echo-embed", "input": "a", "encoding_format": "base64"}),
    ],
)
def test_the_result_is_the_answer_that_its_client_got(
    http: FlaskClient, url: str, asked: dict[str, Any]
) -> None:
    """Byte for byte, of every kind."""
    answer = http.post(url, json=asked)
    job = http.get(f"/v1/jobs/{answer.headers['x-request-id']}")
    assert answer.status_code == 200
    assert b'"result":' + answer.data in job.data


def test_a_failed_job_is_read_with_its_error(http: FlaskClient, gateway: Gateway) -> None:
    """200: the job was found, and tells what became of it."""
    job_id = waiting_job(gateway)
    Hand(gateway.ledger).say(BROKEN, state="failed")
    response = get(http, f"/v1/jobs/{job_id}")
    assert (response.status_code, response.json["state"]) == (200, "failed")
    assert (response.json["error"]["code"], "result" in response.json) == ("model_error", False)


def test_a_waiting_job_is_read_with_its_position(http: FlaskClient, gateway: Gateway) -> None:
    """From 1; a job that runs has none."""
    first, second = waiting_job(gateway), waiting_job(gateway)
    assert get(http, f"/v1/jobs/{second}").json["position"] == 2
    Hand(gateway.ledger)
    assert get(http, f"/v1/jobs/{second}").json["position"] == 1
    assert "position" not in get(http, f"/v1/jobs/{first}").json


def test_a_job_whose_result_is_forgotten_is_still_known(
    http: FlaskClient, gateway: Gateway
) -> None:
    """Without it."""
    job_id = waiting_job(gateway)
    Hand(gateway.ledger).say(*HELLO, state="done")
    gateway.redis.delete(gateway.ledger.keys.log(job_id))
    body: Any = get(http, f"/v1/jobs/{job_id}").json
    assert (body["state"], "result" in body) == ("done", False)


@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("GET", "/events"), ("DELETE", "")])
def test_what_is_not_the_askers_is_not_there(
    http: FlaskClient, gateway: Gateway, method: str, rest: str
) -> None:
    """Another owner's job is answered as one that never was, and nothing happens to it."""
    others = waiting_job(gateway, owner="somebody")
    answers = [
        http.open(f"/v1/jobs/{job_id}{rest}", method=method) for job_id in (others, "f" * 32)
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    bodies = [answer.text.replace(others, "f" * 32) for answer in answers]
    assert bodies[0] == bodies[1]
    assert '"code":"job_not_found"' in bodies[0]
    assert gateway.ledger.state(others) == "queued"
    assert get(http, "/v1/jobs").json["data"] == []


def test_waiting_for_the_end_ends_with_it(http: FlaskClient, gateway: Gateway) -> None:
    """As soon as the job is done, with its result."""
    job_id = waiting_job(gateway)
    hand = Hand(gateway.ledger)
    hand.say(*HELLO[:2])
    later = threading.Timer(0.3, lambda: hand.say(*HELLO[2:], state="done"))
    later.start()
    began = time.monotonic()
    body: Any = get(http, f"/v1/jobs/{job_id}?wait_s=30").json
    assert 0.3 <= time.monotonic() - began < 2
    assert body["result"]["choices"][0]["message"]["content"] == "hello"
    later.join()


def test_waiting_for_the_end_ends_without_it(http: FlaskClient, gateway: Gateway) -> None:
    """After the time that was asked for, with the job as it is then."""
    job_id = waiting_job(gateway)
    began = time.monotonic()
    assert get(http, f"/v1/jobs/{job_id}?wait_s=0.5").json["state"] == "queued"
    assert 0.5 <= time.monotonic() - began < 2


def test_waiting_ends_when_its_client_leaves(http: FlaskClient, gateway: Gateway) -> None:
    """Nobody is there to be answered, and the job goes on."""
    job_id = waiting_job(gateway)
    ours, theirs = socket.socketpair()
    theirs.close()
    began = time.monotonic()
    with ours:
        response = http.get(f"/v1/jobs/{job_id}?wait_s=30", environ_base={"gunicorn.socket": ours})
    assert (response.status_code, time.monotonic() - began < 2) == (499, True)
    assert gateway.ledger.state(job_id) == "queued"


def test_waiting_ends_when_this_process_does(
    http: FlaskClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the job as it is: it can be asked for again elsewhere."""
    drain = Drain()
    monkeypatch.setattr("app.following.drain", drain)
    job_id = waiting_job(gateway)
    began = time.monotonic()
    stop = threading.Timer(0.2, drain.begin, (0.2,))
    stop.start()
    response = get(http, f"/v1/jobs/{job_id}?wait_s=30")
    assert (response.status_code, response.json["state"]) == (200, "queued")
    assert time.monotonic() - began < 3
    stop.join()


def test_who_waits_counts_as_a_listener(http: FlaskClient, gateway: Gateway) -> None:
    """A job that needs one lives on for as long as it is asked after, and a lease longer."""
    job_id = waiting_job(gateway)
    listeners = gateway.ledger.keys.listeners
    gateway.redis.zadd(listeners, {job_id: 1})
    get(http, f"/v1/jobs/{job_id}?wait_s=0.3")
    until_ms = gateway.redis.zscore(listeners, job_id)
    assert until_ms is not None
    assert until_ms / 1000 > time.time() + gateway.settings.listener_lease_s - 5


@pytest.mark.parametrize("wait_s", ["61", "-1", "nan", "inf", "long", "", "1e1", "60.001"])
def test_a_wrong_wait_is_a_400(http: FlaskClient, gateway: Gateway, wait_s: str) -> None:
    """Naming the bounds."""
    response = get(http, f"/v1/jobs/{waiting_job(gateway)}?wait_s={wait_s}")
    assert (response.status_code, response.json["error"]["param"]) == (400, "wait_s")
    assert "from 0 to 60" in response.json["error"]["message"]


def test_a_waiting_job_is_cancelled_at_once(http: FlaskClient, gateway: Gateway) -> None:
    """And answered with its end."""
    job_id = waiting_job(gateway)
    body: Any = http.delete(f"/v1/jobs/{job_id}").json
    assert (body["state"], body["error"]["code"]) == ("cancelled", "job_cancelled")
    assert gateway.ledger.claim(QUEUE, "hand") == "none"


def test_a_running_job_is_cancelled_by_its_worker(http: FlaskClient, gateway: Gateway) -> None:
    """The answer waits for the step at which it stops."""
    job_id = waiting_job(gateway)
    hand = Hand(gateway.ledger)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(http.delete, f"/v1/jobs/{job_id}")
        _until(lambda: gateway.records.find(job_id, None).cancelling)
        hand.say(CANCELLED, state="cancelled")
        body: Any = answer.result().json
    assert (body["state"], "cancelling" in body) == ("cancelled", False)


def test_a_job_that_runs_on_says_that_it_is_to_stop(http: FlaskClient, gateway: Gateway) -> None:
    """After two seconds its client is not kept any longer."""
    job_id = waiting_job(gateway)
    Hand(gateway.ledger)
    began = time.monotonic()
    body: Any = http.delete(f"/v1/jobs/{job_id}").json
    assert (body["state"], body["cancelling"]) == ("running", True)
    assert 2 <= time.monotonic() - began < 4


def test_a_finished_job_is_not_cancelled(http: FlaskClient, gateway: Gateway) -> None:
    """It is answered as it was, result and all."""
    job_id = waiting_job(gateway)
    Hand(gateway.ledger).say(*HELLO, state="done")
    before = get(http, f"/v1/jobs/{job_id}").data
    assert http.delete(f"/v1/jobs/{job_id}").data == before


def test_who_follows_a_job_is_told_of_its_cancelling(http: FlaskClient, gateway: Gateway) -> None:
    """The stream's last event is the error."""
    job_id = waiting_job(gateway)
    http.delete(f"/v1/jobs/{job_id}")
    events = http.get(f"/v1/jobs/{job_id}/events").text
    assert events.startswith(f": job {job_id}\nid: 1\ndata: ")
    assert '"code":"job_cancelled"' in events


def test_other_methods_are_a_405(http: FlaskClient) -> None:
    """In OpenAI's shape, with what is allowed."""
    response: Any = http.post("/v1/jobs/x")
    assert (response.status_code, response.json["error"]["code"]) == (405, "method_not_allowed")
    assert "DELETE" in response.headers["Allow"]


def _until(found: Callable[[], bool]) -> None:
    for _ in range(500):
        if found():
            return
        time.sleep(0.01)
    raise AssertionError("it does not come")
