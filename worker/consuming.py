"""Ending the consumption of a queue in a Celery worker that lives on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def stop_consuming(consumer: Any, queue: str, then: Callable[[], object]) -> None:
    """Take no more tickets from ``queue``, and call ``then`` once none can come any more.

    From any thread: the consumer itself belongs to the event loop's. A ticket that Redis hands over
    just then goes back into its queue, which is kombu's answer to a message without a consumer.
    """
    # At once, for a consumer that is just being made anew after its connection broke.
    consumer.app.amqp.queues.deselect(queue)
    consumer.call_soon(_cancel, consumer, queue, then)


def _cancel(consumer: Any, queue: str, then: Callable[[], object]) -> None:
    if consumer.task_consumer is not None:
        consumer.task_consumer.cancel_by_queue(queue)
    then()
