"""Keys and kept answers on a connection."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tasks.api_keys import ApiKey, Register
from tasks.gateway import Gateway
from tests.app.files.api_server import ApiServer
from tests.app.socket.conftest import api_over, served
from tests.app.socket.talk import Talk, knock, text_of
from tests.conftest import RedisServer

KEY = "the-key-of-these-tests"


@pytest.fixture(scope="module")
def key_gateway(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A queue whose keys are no other test's."""
    with served(redis_server, tmp_path_factory.mktemp("keys"), "echo") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def closed(key_gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API that asks for keys."""
    api = api_over(key_gateway, tmp_path_factory.mktemp("closed"), MILLRACE_API_KEY=KEY)
    yield api
    api.stop()


def test_a_key_comes_as_a_header_or_as_a_subprotocol(closed: ApiServer) -> None:
    """A browser's way and a program's; without one nobody is let in."""
    assert knock(closed.url) == 401
    wrong = {"Sec-WebSocket-Protocol": "millrace.chat, millrace.key.wrong"}
    assert knock(closed.url, **wrong) == 401
    by_header = Talk(closed.port, headers={"Authorization": f"Bearer {KEY}"})
    by_protocol = Talk(closed.port, subprotocols=["millrace.chat", f"millrace.key.{KEY}"])
    assert by_protocol.client.subprotocol == "millrace.chat"
    for talk in (by_header, by_protocol):
        talk.ask("a")
        assert text_of(talk.hear_until("done")) == "one two three"
        talk.leave()
    assert KEY not in closed.log


def test_each_request_is_asked_anew_for_what_its_key_is_worth(
    closed: ApiServer, key_gateway: Gateway
) -> None:
    """Another model is unknown, another's job too; a revoked key gets no further answer."""
    register = Register(key_gateway.redis, key_gateway.settings)
    made = register.create(ApiKey(id="", owner="ann", models=("echo",)))
    local = Talk(closed.port, headers={"Authorization": f"Bearer {KEY}"})
    local.ask("a", headers={"Millrace-Resume": "60"})
    job = local.hear_until("done")[0]["job"]
    local.leave()
    talk = Talk(closed.port, subprotocols=["millrace.chat", f"millrace.key.{made.secret}"])
    talk.ask("slow", model="slow")
    talk.say({"type": "resume", "id": "other", "job": job})
    heard = talk.hear_ends(2)
    assert [heard[id][-1]["status"] for id in ("slow", "other")] == [404, 404]
    register.revoke(made.key.id)
    for number in range(20):
        time.sleep(0.1)
        talk.ask(str(number))
        last = talk.hear_ends(1)[str(number)][-1]
        if "error" in last:
            break
    else:
        pytest.fail("a revoked key is worth something")
    assert (last["status"], last["error"]["code"]) == (401, "invalid_api_key")
    talk.leave()
