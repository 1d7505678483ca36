"""Whether the part that this container runs is at work; the exit status says it.

An API answers ``/health``. The others report in Redis, by the machine and namespace that their
process runs in: a keeper, a node, or a worker whose model has not failed to load.
"""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file

from tasks import hosts
from tasks.connection import Client, connect
from tasks.fleet import Fleet
from tasks.live_catalog import LiveCatalog
from tasks.roster import Roster
from tasks.settings import QueueSettings

TIMEOUT_S = 4.0
FIRST_PROCESS = Path("/proc/1/cmdline")


class ApiAddress(QueueSettings):
    """Where the API of this container listens."""

    api_port: int = 8000


def main() -> int:
    """0 when it is at work, else 1 and a line that says what is missing."""
    try:
        missing = look(FIRST_PROCESS.read_bytes().replace(b"\0", b" ").decode())
    except Exception as error:  # noqa: BLE001 - whatever it was, it is not at work
        missing = f"{type(error).__name__}: {error}"
    if missing:
        print(missing)
    return 1 if missing else 0


def look(command: str) -> str:
    """What is missing of the part that was started with ``command``; empty when nothing is."""
    settings = ApiAddress()
    if "gunicorn" in command:
        return of_api(settings)
    client = connect(settings.queue_url, timeout_s=TIMEOUT_S)
    if "app.keeper" in command:
        return "" if Roster(client, settings).keeper() else "no keeper reports"
    if any(node.host == hosts.this_host() for node in Fleet(client, settings).nodes().values()):
        return ""
    return of_worker(client, settings)


def of_api(settings: ApiAddress) -> str:
    """Whether this process answers; whether models do is what /ready tells a load balancer."""
    with urlopen(f"http://127.0.0.1:{settings.api_port}/health", timeout=TIMEOUT_S) as answer:
        return "" if answer.status == 200 else f"/health answers {answer.status}"


def of_worker(client: Client, settings: QueueSettings) -> str:
    """Whether a worker of this container reports a model that loads, is ready, or drains."""
    roster = Roster(client, settings)
    for model in LiveCatalog(settings, client).refresh():
        for report in roster.workers(model.queue).values():
            if report.host == hosts.this_host() and not report.gone:
                return "" if report.state != "failed" else f"{model.name}: {report.reason}"
    return "no node and no worker of this container reports"


if __name__ == "__main__":
    sys.exit(main())
