"""/v1/responses, in one process with an echo worker or with one that is played by hand."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from tasks.gateway import Gateway
from tasks.jobs import Priority, ResponseAsked
from tests.app.asking import ended
from tests.app.by_hand import BROKEN, HELLO, Hand, waiting_job

URL = "/v1/responses"
BACKGROUND = ResponseAsked(background=True)


def post(http: FlaskClient, given: Any = "one two three", **changes: Any) -> Any:
    """A request for a response of ``echo``, or of the model in ``changes``."""
    headers = changes.pop("headers", {})
    return http.post(URL, json={"model": "echo", "input": given} | changes, headers=headers)


def events(stream: str) -> list[dict[str, Any]]:
    """The data of a stream's events."""
    lines = [line for line in stream.splitlines() if line.startswith("data: ")]
    return [json.loads(line[6:]) for line in lines]


def without_comments(stream: str) -> str:
    """What is left when waiting and the job's id are not told."""
    return re.sub(r"^: .*\n", "", stream, flags=re.MULTILINE)


def job_id_of(response: Any) -> str:
    """The job behind an answer."""
    found: str = response.headers["x-request-id"]
    return found


@pytest.mark.usefixtures("workers")
def test_a_response_is_answered(http: FlaskClient) -> None:
    """Whole, with its job's id in the header and in the response's id."""
    response = post(http, instructions="be brief")
    assert response.status_code == 200
    assert response.json["object"] == "response"
    assert response.json["id"] == f"resp_{job_id_of(response)}"
    assert response.json["output"][0]["content"][0]["text"] == "one two three"


@pytest.mark.usefixtures("workers")
def test_a_stream_ends_with_the_whole_response(http: FlaskClient) -> None:
    """As it is when it is not streamed; nothing follows it."""
    *_, last = events(post(http, stream=True, temperature=0).text)
    assert last["type"] == "response.completed"
    whole = post(http, temperature=0).json
    assert last["response"]["output"][0]["content"] == whole["output"][0]["content"]
    assert last["response"]["usage"]["total_tokens"] == whole["usage"]["total_tokens"]


@pytest.mark.usefixtures("workers")
def test_a_request_that_is_wrong_is_a_400(http: FlaskClient) -> None:
    """In OpenAI's shape, with the field's name and the remedy."""
    response = post(http, previous_response_id="resp_x")
    assert response.status_code == 400
    assert response.json["error"]["param"] == "previous_response_id"
    assert "'input'" in response.json["error"]["message"]


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize("stream", [True, False])
def test_what_does_not_fit_is_an_error_of_the_response(http: FlaskClient, stream: bool) -> None:
    """By the field's name here. Without a Celery worker to ask, it is the job's last event."""
    response = post(http, "word " * 500, stream=stream)
    if stream:
        *_, last = events(response.text)
        assert last["type"] == "response.failed"
        error = last["response"]["error"]
        assert error["code"] == "invalid_prompt"
    else:
        assert response.status_code == 400
        error = response.json["error"]
        assert error["code"] == "context_length_exceeded"
    assert error["param"] == "input"
    assert "Shorten the input." in error["message"]


@pytest.mark.parametrize(
    ("asked_by", "status"),
    [({"background": True}, 200), ({"headers": {"Prefer": "respond-async"}}, 202)],
)
def test_background_work_is_accepted_and_not_waited_for(
    http: FlaskClient, gateway: Gateway, asked_by: dict[str, Any], status: int
) -> None:
    """With the response as it will be, and where to find it, although no worker is there."""
    response = post(http, model="absent", metadata={"k": "v"}, **asked_by)
    said = response.json
    assert (response.status_code, said["status"], said["background"]) == (status, "queued", True)
    assert (said["output"], said["store"], said["metadata"]) == ([], True, {"k": "v"})
    assert response.headers["Location"] == f"{URL}/{said['id']}"
    record = gateway.records.find(job_id_of(response), "local")
    assert (record.priority, record.listen_s) == (Priority.BACKGROUND, 0)
    assert http.get(f"{URL}/{said['id']}").json == said


@pytest.mark.usefixtures("workers")
def test_a_response_is_there_later(http: FlaskClient, gateway: Gateway) -> None:
    """As whoever waits for it would have got it, and in the job that answered it."""
    made = post(http, background=True).json
    job_id = made["id"].removeprefix("resp_")
    ended(gateway, job_id)
    later: Any = http.get(f"{URL}/{made['id']}").json
    assert later["status"] == "completed"
    assert later["output"][0]["content"][0]["text"] == "one two three"
    job: Any = http.get(f"/v1/jobs/{job_id}").json
    assert job["result"] | {"completed_at": later["completed_at"]} == later


def test_a_response_is_followed_while_it_is_computed(http: FlaskClient, gateway: Gateway) -> None:
    """Its status is that of its job; the stream is the same at every cut, by both addresses."""
    job_id = waiting_job(gateway, response=BACKGROUND)
    url = f"{URL}/resp_{job_id}"
    assert _status(http, url) == "queued"
    hand = Hand(gateway.ledger)
    hand.say(*HELLO[:2])
    assert _status(http, url) == "in_progress"
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(_follow, http, f"{url}?stream=true&starting_after=6")
        hand.say(*HELLO[2:], state="done")
        tail = rest.result()
    original = _follow(http, f"{url}?stream=true")
    frames = original.split("\n\n")
    assert tail == "\n\n".join(frames[6:])
    assert len(frames) > 10
    for cut in range(len(frames)):
        expected = "\n\n".join(frames[cut:])
        assert _follow(http, f"{url}?stream=true&starting_after={cut}") == expected
        assert _follow(http, f"/v1/jobs/{job_id}/events?starting_after={cut}") == expected


def _status(http: FlaskClient, url: str) -> str:
    response: Any = http.get(url)
    status: str = response.json["status"]
    return status


def _follow(http: FlaskClient, url: str) -> str:
    return without_comments(http.application.test_client().get(url).text)


def test_a_failed_response_is_read_as_such(http: FlaskClient, gateway: Gateway) -> None:
    """The answer is a 200 whose response says why; the text before it is there."""
    job_id = waiting_job(gateway, response=BACKGROUND)
    Hand(gateway.ledger).say(*HELLO[:2], BROKEN, state="failed")
    response: Any = http.get(f"{URL}/resp_{job_id}")
    assert (response.status_code, response.json["status"]) == (200, "failed")
    assert response.json["error"]["message"] == "It broke."
    assert response.json["output"][0]["content"][0]["text"] == "hel"


def test_a_response_is_cancelled(http: FlaskClient) -> None:
    """At once while it waits; a second time changes nothing."""
    made = post(http, model="absent", background=True).json
    for _ in range(2):
        cancelled: Any = http.post(f"{URL}/{made['id']}/cancel")
        assert (cancelled.status_code, cancelled.json["status"]) == (200, "cancelled")
    assert _status(http, f"{URL}/{made['id']}") == "cancelled"


@pytest.mark.parametrize("over", [True, False])
def test_a_response_that_was_deleted_is_gone(
    http: FlaskClient, gateway: Gateway, over: bool
) -> None:
    """Its job as well, whether it had ended or waits still."""
    job_id = waiting_job(gateway, response=BACKGROUND)
    if over:
        Hand(gateway.ledger).say(*HELLO, state="done")
    url = f"{URL}/resp_{job_id}"
    deleted: Any = http.delete(url)
    assert deleted.json == {"id": f"resp_{job_id}", "object": "response", "deleted": True}
    gone: Any = http.get(url)
    assert (gone.status_code, gone.json["error"]["code"]) == (404, "response_not_found")
    assert http.get(f"/v1/jobs/{job_id}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
@pytest.mark.parametrize("name", ["nothing", "resp_", "resp_nothing", "chat"])
def test_what_is_no_response_is_a_404(
    http: FlaskClient, gateway: Gateway, method: str, name: str
) -> None:
    """Also the id of a job that answers something else."""
    if name == "chat":
        name = f"resp_{waiting_job(gateway)}"
    url = f"{URL}/{name}" + ("/cancel" if method == "POST" else "")
    response: Any = http.open(url, method=method)
    assert (response.status_code, response.json["error"]["param"]) == (404, "response_id")


@pytest.mark.parametrize("query", ["stream=maybe", "starting_after=x&stream=true"])
def test_a_query_that_is_wrong_is_a_400(http: FlaskClient, gateway: Gateway, query: str) -> None:
    """It names the parameter."""
    response: Any = http.get(f"{URL}/resp_{waiting_job(gateway, response=BACKGROUND)}?{query}")
    assert response.status_code == 400
    assert response.json["error"]["param"] == query.partition("=")[0]


@pytest.mark.usefixtures("workers")
def test_a_repeated_request_gets_the_first_ones_response(http: FlaskClient) -> None:
    """Under an idempotency key, also for the background."""
    headers = {"Idempotency-Key": "k1"}
    first, second = (post(http, headers=headers).json for _ in range(2))
    assert first == second
    assert post(http, headers={"Idempotency-Key": "k1"}, temperature=0).status_code == 409
