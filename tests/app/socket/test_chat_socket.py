"""Chat completions over a WebSocket, under the real server."""

from __future__ import annotations

import time
from pathlib import Path

import httpx2 as httpx
import pytest

from tasks.gateway import Gateway
from tests.app.files.api_server import ApiServer
from tests.app.socket.conftest import api_over
from tests.app.socket.talk import Talk, knock, text_of

HELLO = [{"role": "user", "content": "hello"}]


def state_of(gateway: Gateway, job_id: str, within_s: float = 5) -> str:
    """The job's state once it has ended, or after ``within_s``."""
    give_up_at = time.monotonic() + within_s
    while not (record := gateway.records.find(job_id, "local")).final:
        if time.monotonic() >= give_up_at:
            break
        time.sleep(0.02)
    return record.state


def test_an_answer_comes_in_the_chunks_of_its_stream(talk: Talk) -> None:
    """First its job, then numbered chunks, then that it is done."""
    talk.ask("a")
    first, *chunks, last = talk.hear_until("done")
    assert first["id"] == last["id"] == "a"
    assert [chunk["seq"] for chunk in chunks] == list(range(1, len(chunks) + 1))
    assert chunks[0]["chunk"]["object"] == "chat.completion.chunk"
    assert chunks[0]["chunk"]["id"] == f"chatcmpl-{first['job']}"
    assert text_of(chunks) == "one two three"


def test_several_answers_come_over_one_connection(talk: Talk) -> None:
    """A later request does not wait for an earlier one, and each message says whose it is."""
    talk.ask("long", "word " * 100, model="slow")
    talk.hear_until("chunk")
    talk.ask("short", "quick")
    heard = talk.hear_ends(1)
    assert text_of(heard["short"]) == "quick"
    assert "done" in heard["short"][-1]
    assert text_of(heard.get("long", [])) != "word " * 100


def test_a_cancelled_answer_ends_with_an_error_and_its_job(
    talk: Talk, socket_gateway: Gateway
) -> None:
    """Its last message says so, nothing follows, and the worker stops."""
    talk.ask("a", "word " * 500, model="slow")
    job = talk.hear()["job"]
    talk.hear_until("chunk")
    talk.say({"type": "cancel", "id": "a"})
    last = talk.hear_until("error")[-1]
    assert last["error"]["code"] == "job_cancelled"
    assert state_of(socket_gateway, job) == "cancelled"
    assert talk.client.receive(timeout=0.5) is None


def test_a_resumable_job_is_cancelled_by_a_message_too(talk: Talk, socket_gateway: Gateway) -> None:
    """It would outlive its connection, but not its cancellation."""
    talk.ask("a", "word " * 500, model="slow", headers={"Millrace-Resume": "60"})
    job = talk.hear()["job"]
    talk.hear_until("chunk")
    talk.say({"type": "cancel", "id": "a"})
    talk.hear_until("error")
    assert state_of(socket_gateway, job) == "cancelled"


def test_to_cancel_what_has_ended_is_no_error(talk: Talk) -> None:
    """Nobody can know that the last message is on its way."""
    talk.ask("a")
    talk.hear_until("done")
    talk.say({"type": "cancel", "id": "a"})
    talk.ask("b")
    assert talk.hear()["id"] == "b"


def test_leaving_cancels_what_is_open(api: ApiServer, socket_gateway: Gateway) -> None:
    """A connection that ends takes its jobs with it."""
    talk = Talk(api.port)
    talk.ask("a", "word " * 500, model="slow")
    job = talk.hear()["job"]
    talk.hear_until("chunk")
    talk.leave()
    assert state_of(socket_gateway, job) == "cancelled"


def test_a_job_is_resumed_on_another_connection(api: ApiServer) -> None:
    """With ``Millrace-Resume`` it goes on meanwhile; nothing is missing, nothing comes twice."""
    first = Talk(api.port)
    first.ask("a", "word " * 40, model="slow", headers={"Millrace-Resume": "60"})
    heard = first.hear_until("seq")
    heard += [first.hear(), first.hear()]
    first.leave()
    second = Talk(api.port)
    second.say(
        {
            "type": "resume",
            "id": "b",
            "job": heard[0]["job"],
            "starting_after": heard[-1]["seq"],
        }
    )
    rest = second.hear_until("done")
    second.leave()
    assert {message["id"] for message in rest} == {"b"}
    numbers = [message["seq"] for message in [*heard, *rest] if "seq" in message]
    assert numbers == list(range(1, len(numbers) + 1))
    assert text_of(heard + rest) == "word " * 40


def test_who_waits_is_told_their_place(talk: Talk, socket_gateway: Gateway) -> None:
    """A job that nobody has taken has a position in its line."""
    talk.ask("a", model="absent")
    assert talk.hear_until("position")[-1] == {"id": "a", "position": 1}
    talk.say({"type": "cancel", "id": "a"})
    talk.hear_until("error")


@pytest.mark.parametrize(
    ("message", "id", "status", "param"),
    [
        ("{", None, 400, None),
        ("[]", None, 400, None),
        (b"\xff\xfe", None, 400, None),
        ({"model": "echo"}, None, 400, "id"),
        ({"id": 5}, None, 400, "id"),
        ({"id": "a", "type": "wish"}, "a", 400, "type"),
        ({"id": "a", "model": "echo", "messages": []}, "a", 400, "messages"),
        ({"id": "a", "model": "echo", "messages": HELLO, "stream": False}, "a", 400, "stream"),
        ({"id": "a", "model": "none", "messages": HELLO}, "a", 404, "model"),
        ({"id": "a", "type": "resume"}, "a", 400, "job"),
        ({"id": "a", "type": "resume", "job": "none"}, "a", 404, "job_id"),
        (
            {"id": "a", "model": "echo", "messages": HELLO, "headers": {"Millrace-Resume": "x"}},
            "a",
            400,
            "Millrace-Resume",
        ),
    ],
)
def test_a_message_that_says_nothing_is_told_why(
    talk: Talk, message: object, id: str | None, status: int, param: str | None
) -> None:
    """The connection stays open, and the next request on it is answered."""
    talk.say(message)
    heard = talk.hear()
    assert (heard["id"], heard["status"]) == (id, status)
    assert heard["error"]["param"] == param
    talk.ask("next")
    assert text_of(talk.hear_until("done")) == "one two three"


def test_an_id_that_is_open_is_refused_without_ending_its_answer(talk: Talk) -> None:
    """The refusal bears no id, for under it the first answer goes on."""
    talk.ask("a", "word " * 20, model="slow")
    talk.ask("a")
    heard = talk.hear_ends(2)
    assert [each["error"]["param"] for each in heard[None]] == ["id"]
    assert text_of(heard["a"]) == "word " * 20


def test_no_more_answers_are_open_than_may(talk: Talk) -> None:
    """The fifth of four is refused, and has its turn when one has ended."""
    for number in range(5):
        talk.ask(str(number), "word " * 500, model="slow")
    refused = talk.hear_until("error")[-1]
    assert (refused["id"], refused["status"]) == ("4", 429)
    assert refused["error"]["code"] == "too_many_answers"
    talk.say({"type": "cancel", "id": "0"})
    talk.hear_until("error")
    talk.ask("5")
    assert talk.hear_ends(1)["5"]


def test_a_message_beyond_the_limit_ends_the_connection(talk: Talk) -> None:
    """Its code says that it was too big."""
    talk.say("x" * 1_000_001)
    assert talk.hear_close() == 1009


def test_a_silent_connection_is_closed(talk: Talk) -> None:
    """After the idle limit of two seconds, in order."""
    began = time.monotonic()
    assert talk.hear_close() == 1001
    assert 1.5 < time.monotonic() - began < 5


def test_a_page_of_another_site_may_not_connect(api: ApiServer) -> None:
    """Only the server's own pages may, and programs, which send no origin."""
    assert knock(api.url, Origin=api.url) == 101
    assert knock(api.url, Origin="https://evil.example") == 403


def test_a_plain_request_is_told_what_this_is(api: ApiServer) -> None:
    """It is the client's error, with the remedy."""
    answer = httpx.get(f"{api.url}/v1/chat/ws")
    assert answer.status_code == 400
    assert "WebSocket" in answer.json()["error"]["message"]


def test_a_restart_says_where_the_answer_goes_on(
    api: ApiServer, socket_gateway: Gateway, tmp_path: Path
) -> None:
    """What is idle is closed at once; open answers end with their job and last number."""
    ending = api_over(
        socket_gateway, tmp_path, MILLRACE_SHUTDOWN_S="2", MILLRACE_SOCKET_IDLE_S="60"
    )
    idle, talk = Talk(ending.port), Talk(ending.port)
    talk.ask("a", "word " * 100, model="slow")
    heard = talk.hear_until("seq")
    ending.signal_stop()
    assert idle.hear_close(timeout_s=2) == 1012
    heard += talk.hear_until("error")
    assert heard[-1]["error"]["code"] == "server_restarting"
    assert talk.hear_close() == 1012
    other = Talk(api.port)
    after = heard[-1]["error"]["resume"]["last_event_id"]
    other.say({"type": "resume", "id": "a", "job": heard[0]["job"], "starting_after": after})
    heard += other.hear_until("done")
    other.leave()
    ending.stop()
    assert text_of(heard) == "word " * 100
