"""The application on a real Redis, with an echo model's worker in a thread instead of Celery's."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.settings import ApiSettings
from tasks.catalog import load_catalog
from tasks.celery import make_celery
from tasks.gateway import Gateway
from tasks.settings import QueueSettings
from tests.app.lane import answering
from worker import handlers
from worker.process import ModelProcess
from worker.settings import WorkerSettings

MODELS = """
[[model]]
name = "echo"
kind = "chat"
source = "echo:"
slots = 2
context = 600

[[model]]
name = "echo-embed"
kind = "embed"
source = "echo:"
context = 64

[[model]]
name = "absent"
kind = "chat"
source = "echo:"
"""


class Worker:
    """Takes jobs of one model as the tickets' handlers do, until closed."""

    def __init__(self, settings: QueueSettings, gateway: Gateway, name: str) -> None:
        worker_settings = WorkerSettings.model_validate(settings.model_dump())
        self.process = ModelProcess(
            worker_settings, make_celery(settings), gateway.catalog.find(name)
        )
        self.queue = self.process.model.queue
        self.process.start()
        self.process.ready()
        while not any(r.state == "ready" for r in gateway.roster.workers(self.queue).values()):
            time.sleep(0.005)
        handler = handlers.embed if self.process.model.kind == "embed" else handlers.chat
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(handler,)) for _ in range(2)]
        for thread in self._threads:
            thread.start()

    def _run(self, handler: object) -> None:
        assert callable(handler)
        while not self._closed.is_set():
            handler(self.process)
            time.sleep(0.002)

    def close(self) -> None:
        """Drain, as SIGTERM does."""
        self._closed.set()
        self.process.drain()
        for thread in self._threads:
            thread.join()
        self.process.close()


@pytest.fixture
def gateway(settings: QueueSettings, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway over the test's own keys and the models above."""
    models = tmp_path / "models.toml"
    models.write_text(MODELS)
    gateway = Gateway(settings, load_catalog(settings.model_copy(update={"models_file": models})))
    yield gateway
    gateway.close()


@pytest.fixture
def workers(settings: QueueSettings, gateway: Gateway) -> Iterator[list[Worker]]:
    """Workers of ``echo`` and ``echo-embed``; ``absent`` has none."""
    workers = [Worker(settings, gateway, name) for name in ("echo", "echo-embed")]
    yield workers
    for worker in workers:
        worker.close()


@pytest.fixture
def lane(gateway: Gateway, workers: list[Worker]) -> Iterator[None]:
    """The workers answer questions too; without it they only take jobs."""
    with ExitStack() as answers:
        for worker in workers:
            answers.enter_context(answering(gateway.celery, worker.process))
        yield


@pytest.fixture
def http(settings: QueueSettings, gateway: Gateway) -> FlaskClient:
    """A client of the application."""
    api_settings = ApiSettings.model_validate(
        settings.model_dump() | {"ping_s": 0.2, "body_limit_bytes": 100_000, "check_timeout_s": 1.0}
    )
    return create_app(api_settings, gateway).test_client()
