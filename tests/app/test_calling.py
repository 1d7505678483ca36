"""Webhooks from an end to its receiver, over a real ledger and a real server."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from app.batches.book import Book
from app.batches.record import Order, Status, new_batch_id
from app.calling import Caller
from app.files.record import FileRecord, new_file_id
from app.files.register import Register
from app.outbound.address import AllowedHosts
from app.webhooks.check import WEBHOOK_HOSTS
from app.webhooks.signing import key_of
from tasks.connection import Client
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
def book(client: Client, settings: QueueSettings) -> Book:
    """The book of batches."""
    return Book(client, settings)


@pytest.fixture
def caller(records: Records, book: Book, upkeep: Upkeep) -> Caller:
    """The keeper's caller, which may call this machine."""
    return Caller(records, book, upkeep, KEY, AllowedHosts.parse(WEBHOOK_HOSTS, "127.0.0.1"))


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
    *,
    records: Records,
    book: Book,
    upkeep: Upkeep,
    ledger: Ledger,
    receiver: Receiver,
    settings: QueueSettings,
) -> None:
    """Allowed when the job was accepted, and not any more."""
    job_id = cancelled_job(ledger, settings, receiver.url)
    Caller(records, book, upkeep, KEY, AllowedHosts.parse(WEBHOOK_HOSTS, "")).call(job_id)
    assert receiver.bodies == []
    assert ledger.redis.zcard(ledger.keys.webhooks) == 0


def batch_of(client: Client, settings: QueueSettings, book: Book, url: str) -> str:
    """A batch that is under way, with a webhook."""
    file = FileRecord(
        id=new_file_id(),
        owner="local",
        filename="in.jsonl",
        purpose="batch",
        bytes=1,
        created_at=1,
        blob="uploads/1",
    )
    Register(client, settings).add(file)
    order = Order(
        id=new_batch_id(),
        owner="local",
        endpoint="/v1/embeddings",
        input_file_id=file.id,
        input_blob=file.blob,
        completion_window="24h",
        created_at=1,
        expires_at=2,
        webhook_url=url,
        output_ttl_s=3_600,
    )
    assert book.create(order)
    return order.id


def ended_batch(book: Book, batch_id: str, end: Status) -> None:
    """The batch comes to this end, at the second 77."""
    record = book.take(batch_id)
    book.advance(record, end, forget_at_s=2_000_000_000, **{f"{end}_at": 77})


@pytest.mark.parametrize("end", ["completed", "failed", "expired", "cancelled"])
def test_the_end_of_a_batch_is_told_once(
    *,
    caller: Caller,
    book: Book,
    client: Client,
    ledger: Ledger,
    receiver: Receiver,
    settings: QueueSettings,
    end: Status,
) -> None:
    """Each under OpenAI's name, with the time of the end; then nothing is due any more."""
    batch_id = batch_of(client, settings, book, receiver.url)
    ended_batch(book, batch_id, end)
    assert client.zrange(ledger.keys.webhooks, 0, -1) == [batch_id.encode()]
    caller.call(batch_id)
    [body] = map(msgspec.json.decode, receiver.bodies)
    assert (body["type"], body["data"]) == (f"batch.{end}", {"id": batch_id})
    assert (body["id"], body["created_at"]) == (f"evt_{batch_id}", 77)
    assert client.zcard(ledger.keys.webhooks) == 0


def test_a_batch_whose_receiver_fails_is_told_again(
    *,
    caller: Caller,
    book: Book,
    client: Client,
    ledger: Ledger,
    receiver: Receiver,
    settings: QueueSettings,
) -> None:
    """Later, with the same body; its record can be read meanwhile."""
    receiver.statuses = [500, 200]
    batch_id = batch_of(client, settings, book, receiver.url)
    ended_batch(book, batch_id, "completed")
    caller.call(batch_id)
    assert client.zcard(ledger.keys.webhooks) == 1
    assert book.find(batch_id, "local").status == "completed"
    assert client.hget(ledger.keys.batch(batch_id), "webhook_tries") == b"1"
    caller.call(batch_id)
    assert receiver.bodies[0] == receiver.bodies[1]
    assert client.zcard(ledger.keys.webhooks) == 0


def test_a_batch_that_goes_on_is_not_told(
    caller: Caller, book: Book, client: Client, receiver: Receiver, settings: QueueSettings
) -> None:
    """Whoever calls for it too early."""
    caller.call(batch_of(client, settings, book, receiver.url))
    assert receiver.bodies == []


def test_a_batch_that_is_forgotten_is_given_up(
    caller: Caller, ledger: Ledger, receiver: Receiver
) -> None:
    """Its entry would come up for ever; and nothing of it is made anew."""
    ledger.redis.zadd(ledger.keys.webhooks, {"batch_gone": 1})
    caller.call("batch_gone")
    assert ledger.redis.zcard(ledger.keys.webhooks) == 0
    assert not ledger.redis.exists(ledger.keys.batch("batch_gone"))
    assert receiver.bodies == []
