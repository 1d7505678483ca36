"""Two nodes in two network namespaces with one Redis: they share a queue, and one may vanish."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from runner.redis_server import find_binary
from tasks.events import Token
from tasks.gateway import Gateway, live_gateway
from tasks.jobs import ChatJob, Message, new_id
from tasks.settings import QueueSettings
from tests.acceptance.test_disconnect import wait_for
from tests.conftest import free_port

pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).resolve().parents[2]
JOBS = 40
TEXT = " ".join(str(number) for number in range(60))
MODELS = """
[[model]]
name = "shared"
kind = "chat"
source = "echo:"
slots = 4
tokens_per_s = 40
replicas = 2
"""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@dataclass
class Host:
    """A network namespace with an address of its own, and processes with pids of their own."""

    name: str
    number: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def gateway(self) -> str:
        """The address of this machine as the host sees it."""
        return f"10.213.{self.number}.1"

    def make(self) -> None:
        """The namespace, and a cable to this machine."""
        inside, outside = f"mr-i{self.number}", f"mr-o{self.number}"
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside)
        run("ip", "link", "set", inside, "netns", self.name)
        run("ip", "addr", "add", f"{self.gateway}/24", "dev", outside)
        run("ip", "link", "set", outside, "up")
        within = ("ip", "netns", "exec", self.name, "ip")
        run(*within, "addr", "add", f"10.213.{self.number}.2/24", "dev", inside)
        run(*within, "link", "set", inside, "up")
        run(*within, "link", "set", "lo", "up")

    def start_node(self, folder: Path, port: int, models: Path) -> None:
        """A node that knows nothing of this machine but the address of its Redis."""
        data = folder / self.name
        data.mkdir()
        self.process = subprocess.Popen(
            [
                *("ip", "netns", "exec", self.name),
                *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *(sys.executable, "-m", "worker"),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "MILLRACE_NODE": self.name,
                "MILLRACE_QUEUE_URL": f"redis://{self.gateway}:{port}/0",
                "MILLRACE_DATA_DIR": str(data),
                "MILLRACE_MODELS_FILE": str(models),
            },
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def vanish(self) -> None:
        """All of its processes at once, without a word."""
        if self.process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            mine = psutil.Process(self.process.pid)
            for process in [*mine.children(recursive=True), mine]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait()
        self.process = None

    def remove(self) -> None:
        """Everything of it is gone."""
        self.vanish()
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)


@dataclass
class Place:
    """One Redis and a keeper here, two nodes elsewhere."""

    hosts: tuple[Host, Host]
    gateway: Gateway

    def ready(self) -> set[str]:
        """The nodes whose worker serves the model."""
        reports = self.gateway.roster.workers("chat.shared").values()
        return {each.fleet_node for each in reports if each.state == "ready"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Both nodes serve the model."""
    port = free_port()
    models = tmp_path / "models.toml"
    models.write_text(MODELS)
    base = 10 + os.getpid() % 100 * 2
    hosts = (Host(f"millrace-a{base}", base), Host(f"millrace-b{base}", base + 1))
    url = f"redis://127.0.0.1:{port}/0"
    here = {
        **os.environ,
        "MILLRACE_QUEUE_URL": url,
        "MILLRACE_DATA_DIR": str(tmp_path),
        "MILLRACE_MODELS_FILE": str(models),
    }
    keeper = [str(Path(sys.executable).parent / "celery"), "-A", "app.keeper", "worker"]
    processes: list[subprocess.Popen[bytes]] = []
    gateway = live_gateway(QueueSettings(queue_url=url, models_file=models))
    try:
        for host in hosts:
            host.make()
        redis = [str(find_binary()), "--port", str(port), "--bind", "0.0.0.0"]
        processes.append(
            subprocess.Popen(
                [*redis, "--protected-mode", "no", "--save", ""],
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
            )
        )
        processes.append(
            subprocess.Popen(
                [*keeper, "-Q", "keeper", "-n", f"keeper{base}@%h", "-P", "threads", "-c", "2"],
                cwd=ROOT,
                env=here,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        for host in hosts:
            host.start_node(tmp_path, port, models)
        found = Place(hosts, gateway)
        wait_for(lambda: len(found.ready()) == 2, 40)
        yield found
    finally:
        for host in hosts:
            host.remove()
        gateway.close()
        gateway.redis.close()
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)


def test_two_nodes_share_a_queue_and_one_may_vanish(place: Place) -> None:
    """Both answer; the jobs of the one that is killed go on with the other, all of them whole."""
    ids = [new_id() for _ in range(JOBS)]
    for job_id in ids:
        message = Message("user", TEXT)
        place.gateway.enqueue(ChatJob(id=job_id, model="shared", messages=(message,)))
    holders = Counter[str]()
    for _ in itertools.repeat(None, 20):
        for job_id in ids:
            record = place.gateway.ledger.record(job_id)
            holders[record.get("holder", "").partition("@")[2].partition("#")[0]] += 1
        time.sleep(0.1)
    place.hosts[0].vanish()
    wait_for(lambda: all(_state(place, job_id) == "done" for job_id in ids), 90)
    assert {host.name for host in place.hosts} <= set(holders)
    assert place.ready() == {place.hosts[1].name}
    attempts = Counter(place.gateway.ledger.record(job_id)["attempt"] for job_id in ids)
    assert attempts["2"] >= 1, "the node that vanished had no job"
    for job_id in ids:
        events = [event for _, event in place.gateway.ledger.log(job_id)]
        text = "".join(event.text for event in events if isinstance(event, Token))
        assert text == TEXT


def _state(place: Place, job_id: str) -> str:
    return place.gateway.ledger.record(job_id)["state"]
