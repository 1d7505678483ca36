"""The waist: what crosses Redis, and nothing else.

The law of this package: it imports neither ``app`` nor ``worker``, neither Flask nor an
inference library. Entrance test: must both processes agree on it for a job to cross?
What only one side reads (its settings, its metrics, its HTTP) lives on that side.

``from tasks import submit`` gives any Python program the same jobs and events as the API.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.events import Event
    from tasks.jobs import Job

__all__ = ["submit"]


def submit(job: Job) -> Iterator[Event]:
    """Enqueue ``job`` and iterate over its events, the last of which is ``Done`` or ``Failed``.

    For programs without HTTP. The queue is found through the environment, as everywhere;
    leaving the iteration early cancels the job.
    """
    # Imported here, so that a runtime that needs only tasks.jobs loads no Celery and no Redis.
    from tasks.gateway import default_gateway

    with default_gateway().submit(job) as subscription:
        for _seq, event in subscription:
            yield event
