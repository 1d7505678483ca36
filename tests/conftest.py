"""Fixtures that every folder of tests may use: a real Redis, and what stands on it."""

from __future__ import annotations

import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from runner.redis_server import find_binary
from tasks.connection import Client, connect
from tasks.dispatcher import Dispatcher
from tasks.ledger import Ledger
from tasks.records import Records
from tasks.settings import QueueSettings
from tasks.upkeep import Upkeep


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """A real Redis on a free port, which a test may kill and start again; its data survives."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [
                *(find_binary(), "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--dir", str(self._folder), "--appendonly", "yes", "--save", ""),
            ],
            stdout=subprocess.DEVNULL,
        )
        client = redis.Redis(port=self.port)
        for _ in range(200):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
        client.close()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for all tests that do not kill it."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own."""
    server = RedisServer(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def settings(redis_server: RedisServer) -> QueueSettings:
    """Settings of a queue that no other test uses."""
    return QueueSettings(queue_url=redis_server.url, key_prefix=f"test-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def client(settings: QueueSettings) -> Iterator[Client]:
    """A client of the shared Redis."""
    client = connect(settings.queue_url)
    yield client
    client.close()


@pytest.fixture
def ledger(client: Client, settings: QueueSettings) -> Ledger:
    """An empty ledger."""
    return Ledger(client, settings)


@pytest.fixture
def upkeep(client: Client, settings: QueueSettings) -> Upkeep:
    """The ledger's housekeeping."""
    return Upkeep(client, settings)


@pytest.fixture
def records(client: Client, settings: QueueSettings) -> Records:
    """The ledger's reading side."""
    return Records(client, settings)


@pytest.fixture
def dispatcher(client: Client) -> Iterator[Dispatcher]:
    """A dispatcher of the test's own."""
    dispatcher = Dispatcher(client)
    yield dispatcher
    dispatcher.close()
