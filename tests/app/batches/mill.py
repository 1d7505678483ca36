"""Batches, their drivers and a worker, each brought on by hand: who does what next is the test's.

The queue, the book and the store are real. The worker's answers follow from what it is asked, so
that a line that got another's answer is found out.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from app.batches.book import Book
from app.batches.courses import Courses
from app.batches.parts import Parts
from app.batches.record import (
    BatchRecord,
    Endpoint,
    Order,
    new_batch_id,
)
from app.files.folder import FolderStore
from app.files.record import FileRecord, new_file_id
from app.files.register import Register
from app.files.store import Store
from app.settings import ApiSettings
from tasks import events
from tasks.catalog import Catalog
from tasks.celery import make_celery
from tasks.claims import State
from tasks.connection import Client
from tasks.errors import TaskError
from tasks.events import Done, Event, Failed, Finished, Started, Token, Usage, Vectors
from tasks.jobs import ChatJob, EmbedJob, Job
from tasks.ledger import Claim, Entry
from tasks.model import Model
from tasks.roster import Report
from tasks.settings import QueueSettings
from tests.app.batches.watched import WatchedBook, WatchedGateway

CHAT: Endpoint = "/v1/chat/completions"
EMBED: Endpoint = "/v1/embeddings"


def nobody_waits() -> None:
    """Between two steps of a driver that nothing disturbs."""


def chat_line(number: int, **body: Any) -> bytes:
    """A line whose answer is told by its number."""
    messages = [{"role": "user", "content": f"say {number}"}]
    return _line(number, CHAT, {"model": "chatty", "messages": messages} | body)


def embed_line(number: int, *texts: str, **body: Any) -> bytes:
    """A line whose vectors are told by its texts; without any it has one of its own."""
    asked = list(texts) or f"text {number}"
    return _line(number, EMBED, {"model": "vectors", "input": asked} | body)


def _line(number: int, url: Endpoint, body: dict[str, Any]) -> bytes:
    line = {"custom_id": f"line-{number}", "method": "POST", "url": url, "body": body}
    return json.dumps(line).encode()


def vector_of(text: str) -> list[float]:
    """What the worker makes of a text."""
    digest = zlib.crc32(text.encode())
    return [float(digest & 0xFFFF), float(digest >> 16), float(len(text))]


class Mill:
    """A queue, a store, and the batches in them."""

    def __init__(self, client: Client, settings: QueueSettings, folder: Path, **given: Any) -> None:
        self.client = client
        self.settings = ApiSettings.model_validate(settings.model_dump() | given)
        # Tickets bear no prefix: the queues are this test's by the models' names.
        unique = settings.key_prefix
        self.chat = Model(name=f"chatty-{unique}", kind="chat", source="echo:", aliases=("chatty",))
        self.embed = Model(
            name=f"vectors-{unique}", kind="embed", source="echo:", aliases=("vectors",)
        )
        self.catalog = Catalog((self.chat, self.embed))
        self.celery = make_celery(settings)
        self.store: Store = FolderStore(folder)
        self.register = Register(client, settings)
        self.book = Book(client, settings)
        self.worker = HandWorker(self)
        self.now_s = 1_000_000.0
        self._planned: set[str] = set()
        self._drivers: list[Driven] = []

    def parts(self, client: Client | None = None, store: Store | None = None) -> Parts:
        """What a driver works with, over a connection and a store of its own."""
        own = client or self.client
        gateway = WatchedGateway(self.settings, self.catalog, client=own, celery=self.celery)
        book = WatchedBook(own, self.settings)
        gateway.planned = book.planned = self._planned
        book.truth = self.book
        return Parts(
            settings=self.settings,
            client=own,
            book=book,
            gateway=gateway,
            store=store or self.store,
            register=Register(own, self.settings),
            now_s=lambda: self.now_s,
        )

    def driver(
        self, parts: Parts | None = None, breathe: Callable[[], None] = nobody_waits
    ) -> Driven:
        """A driver that is elected, as it thinks."""
        driver = Driven(parts or self.parts(), breathe)
        self._drivers.append(driver)
        return driver

    def close(self) -> None:
        """Let go of whatever a driver holds open."""
        for driver in self._drivers:
            driver.forget()

    def batch(self, endpoint: Endpoint, lines: Iterable[bytes], **changes: Any) -> str:
        """The id of a new batch over these lines."""
        content = b"".join(line + b"\n" for line in lines)
        blob = f"files/{new_file_id()}"
        with self.store.writer(blob) as file:
            file.write(content)
        record = FileRecord(
            id=new_file_id(),
            owner="local",
            filename="in.jsonl",
            purpose="batch",
            bytes=len(content),
            created_at=int(self.now_s),
            blob=blob,
        )
        self.register.add(record)
        fields: dict[str, Any] = {
            "id": new_batch_id(),
            "owner": "local",
            "endpoint": endpoint,
            "input_file_id": record.id,
            "input_blob": blob,
            "completion_window": "24h",
            "created_at": int(self.now_s),
            "expires_at": int(self.now_s) + 86_400,
            "output_ttl_s": 3_600,
        }
        order = Order(**(fields | changes))
        assert self.book.create(order)
        return order.id

    def find(self, batch_id: str) -> BatchRecord:
        """The batch as clients see it."""
        return self.book.find(batch_id, None)

    def ready(self, model: Model, slots: int = 8, workers: int = 1) -> None:
        """So many workers say that they serve the model."""
        parts = self.parts()
        for number in range(workers):
            report = Report(
                node=f"w{number}",
                state="ready",
                pid=1,
                slots=slots,
                context=64,
                expires_ms=1 << 52,
            )
            parts.gateway.roster.report(model.queue, f"w{number}", report)

    def output(self, batch_id: str) -> Outcome:
        """What the files of a batch that has ended say."""
        record = self.find(batch_id)
        assert record.ended, record.status
        return Outcome(
            record, self._lines(record.output_file_id), self._lines(record.error_file_id)
        )

    def _lines(self, file_id: str | None) -> list[Any]:
        if file_id is None:
            return []
        found = self.register.find(file_id, "local")
        assert (found.purpose, found.bytes) == ("batch_output", self.store.size(found.blob))
        with self.store.reader(found.blob) as file:
            return [json.loads(line) for line in file.read().splitlines()]


class Driven:
    """A driver without its thread: what it knows lasts until it is told to forget."""

    def __init__(self, parts: Parts, breathe: Callable[[], None] = nobody_waits) -> None:
        self._parts = parts
        self._breathe = breathe
        self.courses = Courses(parts, breathe)

    def round(self) -> bool:
        """One round, which looks at everything."""
        self.courses._look_at_s = 0.0
        return self.courses.round()

    def forget(self) -> None:
        """As after a Redis that was away."""
        self.courses.close()
        self.courses = Courses(self._parts, self._breathe)


class Outcome:
    """A batch that has ended, and its lines."""

    def __init__(self, record: BatchRecord, answers: list[Any], errors: list[Any]) -> None:
        self.record = record
        self.answers = {line["custom_id"]: line for line in answers}
        self.errors = {line["custom_id"]: line for line in errors}
        self.times = Counter(line["custom_id"] for line in [*answers, *errors])

    def code(self, custom_id: str) -> str:
        """Why a line has no answer."""
        line = self.errors[custom_id]
        if line["response"] is None:
            return str(line["error"]["code"])
        return str(line["response"]["body"]["error"]["code"])


Says = Callable[[Job], TaskError | None]


def all_well(job: Job) -> None:
    """No job fails."""


class HandWorker:
    """Claims jobs and ends them."""

    def __init__(self, mill: Mill) -> None:
        self._mill = mill
        self.texts: list[tuple[str, ...]] = []

    def work(self, model: Model, most: int = 100, says: Says = all_well) -> int:
        """Claim at most so many of the model's jobs, and end them; how many there were."""
        ledger = self._mill.parts().gateway.ledger
        claims = ledger.claim_many(model.queue, "hand", most)
        if isinstance(claims, str):
            return 0
        for claim in claims:
            job = claim.job()
            error = says(job)
            if isinstance(job, EmbedJob):
                self.texts.append(job.texts)
            said: list[Event] = [Failed.of(error)] if error is not None else answer_of(job)
            self.end(claim, model.queue, said, "done" if error is None else "failed")
        return len(claims)

    def end(self, claim: Claim, queue: str, said: list[Event], state: State) -> None:
        """The last that is said of a job."""
        encoded = [events.encode(event) for event in said]
        entry = Entry(claim, queue, claim.last_seq + 1, encoded, state)
        self._mill.parts().gateway.ledger.append([entry])


def answer_of(job: Job) -> list[Event]:
    """What the worker says to a job."""
    if isinstance(job, EmbedJob):
        rows = np.array([vector_of(text) for text in job.texts], "<f4")
        tokens = tuple(len(text.split()) for text in job.texts)
        middle = len(rows) // 2
        halves = [(0, rows[:middle], tokens[:middle]), (middle, rows[middle:], tokens[middle:])]
        said: list[Event] = [
            Vectors(start, rows.shape[1], part.tobytes(), counts)
            for start, part, counts in halves
            if len(part)
        ]
        return [*said, Done(Usage(sum(tokens)))]
    assert isinstance(job, ChatJob)
    text = job.messages[-1].content.replace("say", "said")
    return [Started(2), Token(0, (1,), text), Finished(0, "stop", 1), Done(Usage(2, 1))]


def finish(mill: Mill, batch_id: str, says: Says = all_well, rounds: int = 200) -> Outcome:
    """Drive and work until the batch has ended."""
    driver = mill.driver()
    for _ in range(rounds):
        driver.round()
        if mill.find(batch_id).ended:
            return mill.output(batch_id)
        mill.worker.work(mill.chat, says=says)
        mill.worker.work(mill.embed, says=says)
    raise AssertionError(mill.find(batch_id))


def rounds_until(mill: Mill, is_so: Callable[[], bool]) -> None:
    """Drive, and work at nothing, until it is so."""
    driver = mill.driver()
    for _ in range(50):
        driver.round()
        if is_so():
            return
    raise AssertionError("it never was so")
