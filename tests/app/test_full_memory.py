"""A queue whose Redis has little memory left."""

from __future__ import annotations

import time

import pytest
from flask.testing import FlaskClient

from tasks.gateway import Gateway
from tasks.memory import READ_EVERY_S
from tasks.settings import QueueSettings
from tests.app.asking import accepted_ids, ask, ended
from tests.app.conftest import Worker
from tests.conftest import RedisServer


@pytest.fixture
def settings(mortal_redis: RedisServer, settings: QueueSettings) -> QueueSettings:
    """A Redis of the test's own instead of the shared one."""
    return settings.model_copy(update={"queue_url": mortal_redis.url})


@pytest.mark.parametrize("background", [False, True])
def test_new_work_is_refused_and_what_is_accepted_finishes(
    http: FlaskClient, gateway: Gateway, settings: QueueSettings, background: bool
) -> None:
    """503 with the time to come back after; the last tenth is for what is there already."""
    job_id = ask(http, background=True).json["id"]
    # In pieces: the buffer that a large one arrives in would count too, for a while.
    for piece in range(300):
        gateway.redis.set(f"ballast {piece}", b"x" * 100_000)
    memory = gateway.redis.info("memory")
    # Not what waits for a slow disk: that goes by.
    used_bytes = memory["used_memory"] - memory["mem_not_counted_for_evict"]
    gateway.redis.config_set("maxmemory", int(used_bytes / 0.9))
    time.sleep(READ_EVERY_S)
    refused = ask(http, background=background)
    assert refused.status_code == 503
    error = refused.json["error"]
    assert (error["type"], error["code"]) == ("unavailable_error", "queue_out_of_memory")
    assert "again later" in error["message"]
    assert 10 <= int(refused.headers["Retry-After"]) <= 13
    assert accepted_ids(gateway) == [job_id]
    worker = Worker(settings, gateway, "echo")
    try:
        assert ended(gateway, job_id).state == "done"
    finally:
        worker.close()
