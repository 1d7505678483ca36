"""The engine: all running sequences advance together, one ``decode`` per step.

The law of this package: it drives a ``ChatRuntime`` and tells a callback what happened. No
Celery, no Redis. What is decided is decided by pure functions over plain data: who begins
(``line``), where and with which memory (``placement``), how much of a prompt (``pace``), what is
fed (``plan``), what may come next (``guess``), which text may leave (``text``). ``step`` carries
it out, and ``engine`` is the loop.
"""

from worker.engine.engine import Engine
from worker.engine.request import Request, Resume

__all__ = ["Engine", "Request", "Resume"]
