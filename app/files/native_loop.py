"""An event loop in a thread of its own, also where threads are greenlets.

s3fs and its like are asyncio behind a synchronous face. Left to themselves they start their loop
in a thread, which in the API is a greenlet: a second one that calls them then finds itself inside
a running loop (``NotImplementedError``), and a loop that is made here and run elsewhere never
wakes. Made and run in one native thread it serves both kinds of processes.
"""

from __future__ import annotations

import asyncio
import threading

from app.files.aside import greenlets

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
