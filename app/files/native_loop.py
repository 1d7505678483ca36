"""An event loop in a thread of its own, also where threads are greenlets.

s3fs and its like are asyncio behind a synchronous face. Left to themselves they start their loop
in a thread, which in the API is a greenlet: a second one that calls them then finds itself inside
a running loop (``NotImplementedError``), and a loop that is made here and run elsewhere never
wakes. Made and run in one native thread it serves both kinds of processes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from app.files.aside import greenlets

# They look names of hosts up.
_EXECUTOR_THREADS = 4

_lock = threading.Lock()
_loops: list[asyncio.AbstractEventLoop] = []


def native_loop() -> asyncio.AbstractEventLoop:
    """The loop of this process, running."""
    with _lock:
        if not _loops:
            _loops.append(_started())
        return _loops[0]


def _started() -> asyncio.AbstractEventLoop:
    made: list[asyncio.AbstractEventLoop] = []
    ready = threading.Event()

    def run() -> None:
        loop = asyncio.new_event_loop()
        if greenlets():
            loop.set_default_executor(_NativeExecutor())
        made.append(loop)
        loop.call_soon(ready.set)
        loop.run_forever()

    if greenlets():
        from gevent.threadpool import ThreadPool

        # The pool is kept alive by its thread, which never ends.
        ThreadPool(1).spawn(run)
    else:
        threading.Thread(target=run, name="store", daemon=True).start()
    ready.wait()
    return made[0]


class _NativeExecutor(ThreadPoolExecutor):
    """Native threads for the loop's calls that wait.

    Those of its base would be greenlets of the loop's thread, for which the process waits at its
    end in vain (it was killed four seconds later); gevent's own gives futures that asyncio refuses.
    """

    def __init__(self) -> None:
        from gevent.threadpool import ThreadPool

        super().__init__(_EXECUTOR_THREADS)
        self._pool = ThreadPool(_EXECUTOR_THREADS)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call ``fn`` in one of the threads."""
        future: Future[Any] = Future()
        self._pool.spawn(_resolve, future, fn, args, kwargs)
        return future


def _resolve(
    future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - whoever waits for the future raises it
        future.set_exception(error)
    else:
        future.set_result(result)
