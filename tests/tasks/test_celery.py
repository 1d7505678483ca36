"""What Celery is told about events."""

from __future__ import annotations

from tasks.celery import make_celery
from tasks.settings import QueueSettings


def test_events_are_sent_once_somebody_asks() -> None:
    """A setting makes workers send them all the time, for recorders that ask nobody."""
    assert make_celery(QueueSettings()).conf.worker_send_task_events is False
    assert make_celery(QueueSettings(task_events=True)).conf.worker_send_task_events is True
    assert make_celery(QueueSettings()).conf.worker_enable_remote_control is True
