"""The API under gunicorn with echo workers, and a client of its WebSocket."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.catalog import load_catalog
from tasks.gateway import Gateway
from tasks.settings import QueueSettings
from tests.app.conftest import Worker
from tests.app.files.api_server import ApiServer
from tests.app.socket.talk import Talk
from tests.conftest import RedisServer

MODELS = """
[[model]]
name = "echo"
kind = "chat"
source = "echo:"
context = 300000

[[model]]
name = "slow"
kind = "chat"
source = "echo:"
tokens_per_s = 40

[[model]]
name = "absent"
kind = "chat"
source = "echo:"
"""


@contextmanager
def served(redis_server: RedisServer, folder: Path, *names: str) -> Iterator[Gateway]:
    """A queue of its own, with a worker for each of the models ``names``."""
    models = folder / "models.toml"
    models.write_text(MODELS)
    settings = QueueSettings(
        queue_url=redis_server.url,
        key_prefix=f"test-{uuid.uuid4().hex[:8]}",
        models_file=models,
        handover_s=20.0,
    )
    gateway = Gateway(settings, load_catalog(settings))
    workers = [Worker(settings, gateway, name) for name in names]
    yield gateway
    for worker in workers:
        worker.close()
    gateway.close()


@pytest.fixture(scope="session")
def socket_gateway(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """The queue of these tests, with a worker each of ``echo`` and ``slow``."""
    with served(redis_server, tmp_path_factory.mktemp("socket"), "echo", "slow") as gateway:
        yield gateway


@pytest.fixture(scope="session")
def api(socket_gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One API for the tests that leave it running."""
    api = api_over(socket_gateway, tmp_path_factory.mktemp("api"))
    yield api
    api.stop()


def api_over(gateway: Gateway, folder: Path, **extra: str) -> ApiServer:
    """An API of that queue with short times."""
    settings = gateway.settings
    return ApiServer(
        settings,
        folder,
        **{
            "MILLRACE_MODELS_FILE": str(settings.models_file),
            "MILLRACE_HANDOVER_S": str(settings.handover_s),
            "MILLRACE_CACHE": "off",
            "MILLRACE_BODY_LIMIT_BYTES": "1000000",
            "MILLRACE_SOCKET_ANSWERS": "4",
            "MILLRACE_SOCKET_PING_S": "1",
            "MILLRACE_SOCKET_IDLE_S": "2",
            "MILLRACE_PING_S": "0.5",
            # Nobody answers questions here: jobs are refused by their events, if at all.
            "MILLRACE_CHECK_TIMEOUT_S": "0.1",
        }
        | extra,
    )


@pytest.fixture
def talk(api: ApiServer) -> Iterator[Talk]:
    """A connection."""
    talk = Talk(api.port)
    yield talk
    talk.leave()
