"""Log lines of Celery and kombu that would print a message whole."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker.consumer import consumer as celery_consumer
from kombu.transport import redis as kombu_redis

from tasks.logs import DROPS, WithoutContent

SECRET = "what-no-log-may-hold"


class Rejected(SimpleNamespace):
    """A message as Celery's consumer meets it when it drops it."""

    body = SECRET.encode()
    content_type = content_encoding = "x"
    headers = {"id": "1", "task": "no.task", "argsrepr": SECRET}  # noqa: RUF012 - never changed
    properties: dict[str, Any] = {}  # noqa: RUF012
    delivery_info: dict[str, Any] = {}  # noqa: RUF012

    def ack(self) -> None:
        """Nothing to do."""

    def reject_log_error(self, *_: Any) -> None:
        """Nothing to do."""


def drop(how: str) -> None:
    """Have Celery's own code drop a message."""
    consumer: Any = object.__new__(celery_consumer.Consumer)
    consumer.connection_errors = ()
    consumer.event_dispatcher = None
    consumer.app = SimpleNamespace(backend=SimpleNamespace(mark_as_failure=lambda *_, **__: None))
    message, error = Rejected(), ValueError(SECRET)
    if how == "on_decode_error":
        consumer.on_decode_error(message, error)
    elif how == "on_unknown_message":
        consumer.on_unknown_message(SECRET, message)
    else:
        getattr(consumer, how)(SECRET, message, error)


@pytest.mark.parametrize("how", DROPS["celery.worker.consumer.consumer"])
def test_what_celery_drops_is_named_and_not_shown(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The functions exist in this Celery under these names, and log there what they drop."""
    logger = logging.getLogger(celery_consumer.__name__)
    unshown = WithoutContent(DROPS[logger.name])
    logger.addFilter(unshown)
    try:
        drop(how)
    finally:
        logger.removeFilter(unshown)
    assert [r.getMessage() for r in caplog.records] == [DROPS[logger.name][how]]
    assert SECRET not in caplog.text


def test_what_kombu_drops_is_named_by_functions_that_exist() -> None:
    """A renamed one would print messages again."""
    assert all(hasattr(kombu_redis.Channel, name) for name in DROPS[kombu_redis.logger.name])


def test_other_lines_stay_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    """Only drops are rewritten."""
    logger = logging.getLogger("celery.worker.consumer.consumer")
    unshown = WithoutContent(DROPS[logger.name])
    logger.addFilter(unshown)
    try:
        logger.warning("connection lost: %s", "why")
    finally:
        logger.removeFilter(unshown)
    assert [r.getMessage() for r in caplog.records] == ["connection lost: why"]
