"""Calls that wait for a disk, made where nobody else waits with them.

In the API all requests are greenlets of one thread: while one of them waits for the disk (an
fsync of 200 MB took a second), no other is served. There such calls go to native threads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def greenlets() -> bool:
    """Whether threads are greenlets in this process, as in the API."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def aside(function: Callable[..., T], *args: Any) -> T:
    """Call ``function``, letting other requests go on."""
    if not greenlets():
        return function(*args)
    import gevent

    result: T = gevent.get_hub().threadpool.apply(function, args)
    return result
