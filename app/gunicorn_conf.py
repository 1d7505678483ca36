"""gunicorn's configuration: ``gunicorn -c app/gunicorn_conf.py 'app:create_app()'``.

gevent, because a stream holds its worker for as long as it runs: with threads, as many streams
as threads make ``/health`` time out.
"""

from __future__ import annotations

import ctypes
import math
import signal
import sys
from typing import Any

from pydantic import ValidationError

from app.settings import ApiSettings
from tasks.front_door import why_not_listen

# An exception would come with a page of traceback.
try:
    _settings = ApiSettings()
except ValidationError as error:
    sys.exit(f"The API cannot start. {error}")
_fault = why_not_listen(
    _settings.api_host,
    auth=_settings.auth,
    has_key=bool(_settings.api_key or _settings.admin_key),
)
if _fault:
    sys.exit(f"The API cannot start. {_fault}")

bind = f"{_settings.api_host}:{_settings.api_port}"
workers = _settings.api_workers
worker_class = "app.api_worker.ApiWorker"
# The default of 1,000 would be the number of streams.
worker_connections = 10_000
keepalive = 75
# What one connection may make a process remember before a request is one.
limit_request_line = 8_190
limit_request_fields = 64
limit_request_field_size = 8_190
# Handlers that outlive this are killed; ``drain`` has ended them before.
graceful_timeout = math.ceil(_settings.shutdown_s)
timeout = 60
# Otherwise version 27 opens a control socket under $HOME, shared by every stack of the user.
control_socket_disable = True
accesslog = None
loglevel = _settings.log_level
proc_name = "millrace-api"

_PR_SET_PDEATHSIG = 1


def post_fork(_server: Any, _worker: Any) -> None:
    """Stop with the master: its worker would go on taking connections, and cut them a moment later.

    gunicorn's worker looks for its master once a second; the next master listens by then.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def post_worker_init(worker: Any) -> None:
    """The application is loaded: from now on its process's measures are put."""
    # Nothing of it is imported above: gevent patches what this file's process has not loaded yet.
    worker.wsgi.extensions["place"].reporter.start()


def worker_exit(_server: Any, worker: Any) -> None:
    """What the process has counted stays with the others' counts, and its last spans are sent.

    Not left to ``atexit``: from Python 3.12 on nothing begins a thread there.
    """
    if worker.wsgi is not None:
        worker.wsgi.extensions["place"].reporter.close()
        if tracer := worker.wsgi.extensions["tracer"]:
            tracer.close()
