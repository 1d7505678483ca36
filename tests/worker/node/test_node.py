"""The node as a whole: real processes, killed and ordered about."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tasks import hosts
from tests.conftest import RedisServer
from tests.worker.node.conftest import Stand, eventually

TEXT = " ".join(str(number) for number in range(40))
LONG = " ".join(str(number) for number in range(400))


class Census:
    """The most workers of each queue that there were at one time, while the block runs."""

    def __init__(self, stand: Stand) -> None:
        self.most: dict[str, int] = {}
        self._stand = stand
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._count)

    def __enter__(self) -> Census:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _count(self) -> None:
        while not self._over.wait(0.03):
            now: dict[str, int] = {}
            for process in self._stand.workers():
                try:
                    words = process.cmdline()
                    queue = words[words.index("-Q") + 1]
                except (psutil.Error, ValueError):
                    continue
                now[queue] = now.get(queue, 0) + 1
            for queue, count in now.items():
                self.most[queue] = max(self.most.get(queue, 0), count)


def test_what_is_assigned_runs_and_comes_back_when_it_is_killed(stand: Stand) -> None:
    """Within 5 s, under a new pid; the others are not touched."""
    stand.start()
    stand.assign("fast", "slow")
    eventually(lambda: stand.running("fast") and stand.running("slow"))
    killed, other = stand.running("fast"), stand.running("slow")
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: stand.running("fast") not in (0, killed), 5)
    child = stand.child("fast")
    assert child is not None
    assert child.restarts == 1
    assert stand.running("slow") == other


def test_the_report_tells_of_the_machine_and_offers_every_model(stand: Stand) -> None:
    """Also of those that cannot be served here, with the reason."""
    stand.start()
    eventually(stand.report)
    report = stand.report()
    assert report is not None
    assert report.pid == stand.node.pid
    assert report.cores == len(os.sched_getaffinity(0))
    assert 0 < report.budget_bytes < report.memory_bytes
    assert {name for name, offer in report.offers.items() if offer.seats} == {"fast", "slow"}
    assert "no-such-file.gguf does not exist" in report.offers["broken"].reason


def test_a_worker_that_never_gets_ready_is_paused_and_says_why(stand: Stand) -> None:
    """The reason is how it died and what it reported itself."""
    stand.start()
    stand.assign("broken")

    def is_paused() -> bool:
        child = stand.child("broken")
        return child is not None and child.state == "paused"

    eventually(is_paused)
    child = stand.child("broken")
    assert child is not None
    assert child.restarts == 1
    assert "ended with status 1" in child.reason
    assert "no-such-file.gguf does not exist" in child.reason


def test_after_kill_9_of_the_node_the_next_one_doubles_nothing(stand: Stand) -> None:
    """The workers end by themselves; a node that starts at once waits for each of them."""
    stand.start()
    stand.assign("fast", "slow")
    eventually(lambda: stand.running("fast") and stand.running("slow"))
    before = {stand.running("fast"), stand.running("slow")}
    stand.enqueue("slow", LONG)
    with Census(stand) as census:
        stand.node.kill()
        stand.node.wait()
        stand.start()
        eventually(lambda: {stand.running("fast"), stand.running("slow")} & before == set())
        eventually(lambda: stand.running("fast") and stand.running("slow"))
    assert census.most == {"chat.fast": 1, "chat.slow": 1}
    # A zombie that nobody has reaped yet has ended.
    assert not any(hosts.born(pid) for pid in before)


def test_drain_lets_the_running_job_finish(stand: Stand) -> None:
    """The process ends when the job has, and the job needed one attempt."""
    stand.start()
    stand.assign("slow")
    eventually(lambda: stand.running("slow"))
    job_id = stand.enqueue("slow", TEXT)
    eventually(lambda: stand.state(job_id) == "running")
    stand.assign("slow", order="drain")
    eventually(lambda: stand.child("slow") is None)
    record = stand.gateway.ledger.record(job_id)
    assert (record["state"], record["attempt"]) == ("done", "1")
    assert stand.workers() == []


def test_stop_gives_the_running_job_back(stand: Stand) -> None:
    """The process ends at once, and the job waits for the next one."""
    stand.start()
    stand.assign("slow")
    eventually(lambda: stand.running("slow"))
    job_id = stand.enqueue("slow", LONG)
    eventually(lambda: stand.state(job_id) == "running")
    stand.assign("slow", order="stop")
    eventually(lambda: stand.child("slow") is None, 6)
    assert stand.state(job_id) == "queued"
    assert stand.workers() == []


def test_a_changed_definition_gets_a_new_worker(stand: Stand) -> None:
    """The old one is drained first; the new one bears the new fingerprint."""
    stand.start()
    stand.assign("fast")
    eventually(lambda: stand.running("fast"))
    old = stand.child("fast")
    stand.models.write_text(stand.models.read_text().replace("slots = 2", "slots = 3", 1))
    assert old is not None
    with Census(stand) as census:
        eventually(lambda: stand.running("fast") not in (0, old.pid))
    new = stand.child("fast")
    assert new is not None
    assert new.fingerprint != old.fingerprint
    assert census.most == {"chat.fast": 1}


def test_a_second_node_of_the_name_is_refused(stand: Stand) -> None:
    """It says who is there and what to do, and the first one's report stays."""
    stand.start()
    eventually(stand.report)
    first = stand.node
    stand.start(SHOWN="1")
    assert stand.node.wait(10) == 2
    assert stand.node.stderr is not None
    said = stand.node.stderr.read()
    assert f"process {first.pid}" in said
    assert "MILLRACE_NODE" in said
    report = stand.report()
    assert report is not None
    assert report.pid == first.pid


def test_sigterm_leaves_no_process_and_no_report(stand: Stand) -> None:
    """The assignments stay for the next start."""
    stand.start()
    stand.assign("fast", "slow")
    eventually(lambda: stand.running("fast") and stand.running("slow"))
    stand.enqueue("slow", LONG)
    stand.node.send_signal(signal.SIGTERM)
    assert stand.node.wait(10) == 0
    assert stand.workers() == []
    assert stand.fleet.all_nodes() == {}
    assert set(stand.fleet.assignments(stand.name)) == {"fast", "slow"}


@pytest.fixture
def mortal_stand(mortal_redis: RedisServer, tmp_path: Path) -> Iterator[Stand]:
    """A place whose Redis may be killed."""
    stand = Stand(mortal_redis, tmp_path)
    yield stand
    stand.close()


def test_a_redis_that_is_away_changes_nothing(
    mortal_stand: Stand, mortal_redis: RedisServer
) -> None:
    """Its workers run on, and when it is back they are still the same."""
    stand = mortal_stand
    stand.start()
    stand.assign("fast")
    eventually(lambda: stand.running("fast"))
    pid = stand.running("fast")
    mortal_redis.kill()
    time.sleep(1.5)
    mortal_redis.start()
    eventually(stand.report)
    eventually(lambda: stand.running("fast"))
    assert stand.running("fast") == pid
