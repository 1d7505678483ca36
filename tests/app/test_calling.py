"""Webhooks from a job's end to its receiver, over a real ledger and a real server."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from app.calling import Caller
from app.outbound.address import AllowedHosts
from app.webhooks.check import WEBHOOK_HOSTS
from app.webhooks.signing import key_of
from tasks.jobs import ChatJob, Message, new_id
from tasks.ledger import Ledger
from tasks.records import Records
from tasks.settings import QueueSettings
from tasks.terms import Terms
from tasks.upkeep import Upkeep

QUEUE = "chat.m"
KEY = key_of("whsec_" + base64.b64encode(b"k" * 32).decode())


class Receiver:
    """A server that answers each post with the next of its statuses."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.bodies: list[bytes] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                self.send_response(status)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that is there."""
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def caller(records: Records, upkeep: Upkeep) -> Caller:
    """The keeper's caller, which may call this machine."""
    return Caller(records, upkeep, KEY, AllowedHosts.parse(WEBHOOK_HOSTS, "127.0.0.1"))


def cancelled_job(ledger: Ledger, settings: QueueSettings, url: str) -> str:
    """A job that has ended, with a webhook."""
    job = ChatJob(id=new_id(), model="m", messages=(Message("user", "x"),))
    ledger.accept(job, QUEUE, Terms.background(settings, webhook_url=url))
    ledger.cancel(job.id, QUEUE)
    return job.id


def test_an_end_is_told_once(
    caller: Caller,
    ledger: Ledger,
    records: Records,
    receiver: Receiver,
    settings: QueueSettings,
) -> None:
    """The receiver gets the event; then nothing is due any more, and the record says so."""
    job_id = cancelled_job(ledger, settings, receiver.url)
    assert ledger.redis.zrange(ledger.keys.webhooks, 0, -1) == [job_id.encode()]
    caller.call(job_id)
    [body] = map(msgspec.json.decode, receiver.bodies)
    assert (body["type"], body["data"]) == ("job.cancelled", {"id": job_id})
    assert ledger.redis.zcard(ledger.keys.webhooks) == 0
    record = records.find(job_id, None)
    assert (record.webhook_tries, record.webhook_said) == (1, "delivered")


def test_a_receiver_that_fails_is_called_again(
    caller: Caller,
    ledger: Ledger,
    records: Records,
    receiver: Receiver,
    settings: QueueSettings,
) -> None:
    """Later, with the same body; the first try is counted and its failure told."""
    receiver.statuses = [500, 200]
    job_id = cancelled_job(ledger, settings, receiver.url)
    caller.call(job_id)
    due_ms = ledger.redis.zscore(ledger.keys.webhooks, job_id)
    assert due_ms > records.now_s() * 1000 + 2_000
    assert records.find(job_id, None).webhook_said == "the receiver answers 500"
    caller.call(job_id)
    assert receiver.bodies[0] == receiver.bodies[1]
    assert records.find(job_id, None).webhook_tries == 2
    assert ledger.redis.zcard(ledger.keys.webhooks) == 0


def test_a_job_that_is_forgotten_is_given_up(
    caller: Caller, ledger: Ledger, upkeep: Upkeep, receiver: Receiver
) -> None:
    """Its entry would come up for ever."""
    ledger.redis.zadd(ledger.keys.webhooks, {"gone": 1})
    caller.call("gone")
    assert ledger.redis.zcard(ledger.keys.webhooks) == 0
    assert receiver.bodies == []


def test_a_place_that_is_not_allowed_is_not_called(
    records: Records,
    upkeep: Upkeep,
    ledger: Ledger,
    receiver: Receiver,
    settings: QueueSettings,
) -> None:
    """Allowed when the job was accepted, and not any more."""
    job_id = cancelled_job(ledger, settings, receiver.url)
    Caller(records, upkeep, KEY, AllowedHosts.parse(WEBHOOK_HOSTS, "")).call(job_id)
    assert receiver.bodies == []
    assert ledger.redis.zcard(ledger.keys.webhooks) == 0
