"""The Celery instance: its queues, its promises, and nothing of what the tasks do.

A message is a ticket: it carries a job id and means "a job waits in this queue". Who gets which
job is the ledger's decision, so a lost ticket is made good and a doubled one finds nothing.
"""

from __future__ import annotations

from typing import Any

from celery import Celery

from tasks.settings import QueueSettings

CHAT_TASK = "millrace.chat"
EMBED_TASK = "millrace.embed"
WEBHOOK_TASK = "millrace.webhook"
KEEPER_QUEUE = "keeper"


def task_of(queue: str) -> str:
    """The task that takes tickets from ``queue``."""
    return EMBED_TASK if queue.startswith("embed.") else CHAT_TASK


def make_celery(settings: QueueSettings, *, socket_timeout_s: float = 10.0) -> Celery:
    """A Celery instance for one process; nothing connects until it is used."""
    app = Celery("millrace", broker=settings.queue_url)
    app.conf.update(
        broker_transport="tasks.broker.Transport",
        # Redis being away is weather, not an error: wait for it, at start and later.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # So is a Redis that is full: it refuses to note a ticket as taken, which ended the worker.
        broker_channel_error_retry=True,
        broker_transport_options={
            "visibility_timeout": settings.visibility_timeout_s,
            # The sweep for tickets of dead workers: every 5 s, not every 100th time of ten.
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            # A worker killed in the middle of that sweep must not stop the next for 300 s.
            "unacked_mutex_expire": 30,
            "socket_timeout": socket_timeout_s,
            "socket_connect_timeout": 3,
            "health_check_interval": 10,
        },
        # The ticket of a running job stays unacked, so that a worker takes no more of them than
        # it has slots: what it has not claimed stays where other workers see it.
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        # Results live in the ledger. A Celery result backend would only add a way to hang.
        task_ignore_result=True,
        result_backend=None,
        task_publish_retry=False,
        task_serializer="json",
        accept_content=["json"],
        task_create_missing_queues=True,
        task_default_queue=KEEPER_QUEUE,
        # Job ids only; still, nothing is sent that nobody asked for: Flower does, by a command.
        worker_send_task_events=settings.task_events,
        worker_hijack_root_logger=False,
        # A running job outlives a Redis that went away: its tokens wait for the connection.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=True,
        control_queue_expires=10.0,
        timezone="UTC",
    )
    return app


def publish_ticket(app: Celery, queue: str, job_id: str, producer: Any = None) -> None:
    """Say in ``queue`` that a job waits; raises kombu's ``OperationalError`` when Redis is away.

    Without a ``producer`` one of Celery's pool is used, which is not for greenlets.
    """
    app.send_task(task_of(queue), args=[job_id], queue=queue, ignore_result=True, producer=producer)
