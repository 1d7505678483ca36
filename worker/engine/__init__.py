"""The engine: all running sequences advance together, one ``decode`` per step.

The law of this package: it drives a ``ChatRuntime`` and tells a callback what happened. No
Celery, no Redis; what to feed in a step (``plan``) and which text may leave (``text``) are pure.
"""

from worker.engine.engine import Engine
from worker.engine.sequence import Request, Resume

__all__ = ["Engine", "Request", "Resume"]
