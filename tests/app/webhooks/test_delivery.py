"""One try, against a real server."""

from __future__ import annotations

import base64
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from app.outbound.address import AllowedHosts
from app.webhooks import delivery
from app.webhooks.check import WEBHOOK_HOSTS
from app.webhooks.delivery import Outcome, deliver, outcome_of
from app.webhooks.events import job_ended
from app.webhooks.retries import WAITS_S, next_try_in_s
from app.webhooks.signing import key_of
from tests.app.webhooks.receiver import Receiver, drip, flood, make_certificate, status

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
KEY = key_of(SECRET)
EVENT = job_ended("job_1", "done", 1_700_000_000)
LOCAL = AllowedHosts.parse(WEBHOOK_HOSTS, "localhost, 127.0.0.1")
Start = Callable[..., Receiver]


@pytest.fixture
def start() -> Iterator[Start]:
    """Receivers of the test's own."""
    running: list[Receiver] = []

    def start_one(
        answer: Callable[[BaseHTTPRequestHandler], None] | None = None,
        certificate: Path | None = None,
    ) -> Receiver:
        running.append(Receiver(answer, certificate))
        return running[-1]

    yield start_one
    for receiver in running:
        receiver.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, signed by itself."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "localhost")


def send(receiver: Receiver, *, scheme: str = "http", host: str = "127.0.0.1") -> Outcome:
    """Deliver the event to ``receiver``."""
    return deliver(f"{scheme}://{host}:{receiver.port}/hook?k=v", EVENT, KEY, LOCAL)


def test_a_receiver_gets_what_the_official_client_unwraps(start: Start) -> None:
    """The path with its query, the signed body, and nothing of the server."""
    receiver = start()
    assert send(receiver) == Outcome("delivered", "delivered", 204)
    [request] = receiver.received
    assert request.path == "/hook?k=v"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    seen = OpenAI(api_key="none").webhooks.unwrap(request.body, request.headers, secret=SECRET)
    assert seen.to_dict()["data"] == {"id": "job_1"}


def test_every_try_sends_the_same_event(start: Start) -> None:
    """By id and body a receiver knows a repeat."""
    receiver = start(status(500))
    send(receiver)
    send(receiver)
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "evt_job_1"
    assert first.body == second.body


def test_a_private_host_that_nobody_named_gets_nothing(start: Start) -> None:
    """Refused for good, and no connection was made."""
    receiver = start()
    outcome = deliver(f"http://localhost:{receiver.port}/", EVENT, KEY, AllowedHosts(WEBHOOK_HOSTS))
    assert outcome.kind == "refused"
    assert receiver.received == []


def test_a_name_is_resolved_once(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A DNS server that answers otherwise the second time is not asked a second time."""
    receiver = start()
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: str, *args: Any, **kwargs: Any) -> Any:
        if host != "hook.test":
            return real(host, *args, **kwargs)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.9", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = f"http://hook.test:{receiver.port}/"
    assert (
        deliver(url, EVENT, KEY, AllowedHosts.parse(WEBHOOK_HOSTS, "hook.test")).kind == "delivered"
    )
    assert asked == ["hook.test"]
    assert receiver.received[0].headers["host"] == f"hook.test:{receiver.port}"


def test_the_next_address_is_tried_when_one_is_closed(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hosts with an IPv6 address that is not served are common."""
    receiver = start()
    monkeypatch.setattr(delivery, "resolve", lambda *_: ["127.0.0.9", "127.0.0.1"])
    assert send(receiver).kind == "delivered"


def test_a_redirect_is_a_failure_and_not_followed(start: Start) -> None:
    """It could lead to where nothing may go."""
    inside = start()
    receiver = start(status(307, Location=f"http://127.0.0.1:{inside.port}/"))
    assert send(receiver) == Outcome("failed", "the receiver answers 307", 307)
    assert inside.received == []


def test_the_environments_proxy_is_not_used(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would resolve the name itself."""
    receiver, proxy = start(), start()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert send(receiver).kind == "delivered"
    assert proxy.received == []


def test_an_answer_that_drips_ends_at_the_deadline(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though every single byte comes in time."""
    monkeypatch.setattr(delivery, "TOTAL_S", 0.5)
    began = time.monotonic()
    assert send(start(drip)) == Outcome("failed", "ReadTimeout")
    assert time.monotonic() - began < 2


def test_an_endless_answer_is_not_read(start: Start) -> None:
    """Its status is enough."""
    began = time.monotonic()
    assert send(start(flood)).kind == "delivered"
    assert time.monotonic() - began < 2


def test_a_closed_port_is_a_failure(start: Start) -> None:
    """Of the connection, and worth another try."""
    receiver = start()
    receiver.close()
    outcome = send(receiver)
    assert outcome.kind == "failed"
    assert "no connection" in outcome.why


def test_an_unknown_host_is_a_failure() -> None:
    """Names under .invalid have no address; a real one may have one again."""
    outcome = deliver("http://nowhere.invalid/", EVENT, KEY, LOCAL)
    assert outcome == Outcome("failed", "the host does not resolve")


def test_a_trusted_certificate_for_the_hosts_name_is_delivered_to(
    start: Start, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is asked for in the handshake, although an address is connected to."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    receiver = start(None, certificate)
    assert send(receiver, scheme="https", host="localhost").kind == "delivered"
    assert receiver.names == ["localhost"]


def test_a_certificate_that_nobody_trusts_gets_nothing(start: Start, certificate: Path) -> None:
    """The request is not sent."""
    receiver = start(None, certificate)
    outcome = send(receiver, scheme="https", host="localhost")
    assert outcome.kind == "failed"
    assert "CERTIFICATE_VERIFY_FAILED" in outcome.why
    assert receiver.received == []


def test_a_trusted_certificate_for_another_name_gets_nothing(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the address is the right one is no proof."""
    other = make_certificate(tmp_path, "other.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    assert ssl.create_default_context(cafile=str(other)).cert_store_stats()["x509"] == 1
    receiver = start(None, other)
    assert send(receiver, scheme="https", host="localhost").kind == "failed"
    assert receiver.received == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [(200, "delivered"), (204, "delivered"), (301, "failed"), (404, "failed"), (503, "failed")],
)
def test_only_2xx_is_delivered(code: int, kind: str) -> None:
    """All else may go well later."""
    assert outcome_of(code, None, 0).kind == kind


def test_a_receiver_that_is_gone_is_left_alone(start: Start) -> None:
    """410 says: never again."""
    outcome = send(start(status(410)))
    assert outcome.kind == "refused"
    assert next_try_in_s(1, outcome) is None


@pytest.mark.parametrize("asked", ["120", "Thu, 01 Jan 1970 00:03:20 GMT"])
def test_a_receiver_may_ask_for_patience(asked: str) -> None:
    """In seconds, or until a date."""
    outcome = outcome_of(503, asked, now_s=80)
    assert outcome.retry_after_s == 120
    assert next_try_in_s(1, outcome) == 120


@pytest.mark.parametrize("asked", ["9" * 400, "99999999"])
def test_no_receiver_may_ask_for_ever(asked: str) -> None:
    """A day at most."""
    assert next_try_in_s(1, outcome_of(503, asked, 0)) == 24 * 3600


@pytest.mark.parametrize("asked", ["", "soon", "-1", "Thu, 99 Jan 1970 00:00:00 GMT"])
def test_a_wish_that_is_none_is_ignored(asked: str) -> None:
    """The schedule goes on as if it were not there."""
    assert outcome_of(503, asked, 0).retry_after_s is None


def test_tries_grow_rarer_and_end() -> None:
    """Ten tries, the last after about 19 hours."""
    waits = [next_try_in_s(tries, Outcome("failed", "x")) for tries in range(1, 11)]
    assert waits.pop() is None
    for wait, due in zip(waits, WAITS_S, strict=True):
        assert wait == pytest.approx(due, rel=0.21)
