"""One child over its lives, on commands that behave as workers seldom do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tasks import hosts
from tasks.model import Model
from tasks.roster import Report
from tests.worker.node.conftest import eventually
from worker.node import launch, locks
from worker.node.child import EARLIER, WorkerChild
from worker.node.settings import NodeSettings

MODEL = Model(name="m", kind="chat", source="echo:")
STUBBORN = "trap '' TERM; while :; do sleep 0.05; done"

MakeChild = Callable[[str], WorkerChild]


@pytest.fixture
def own(tmp_path: Path) -> NodeSettings:
    """Settings of a node in a folder of the test's own, which is not patient."""
    return NodeSettings(
        node="n", data_dir=tmp_path, node_stop_s=0.3, node_pause_s=0.1, node_longest_pause_s=0.3
    )


@pytest.fixture
def child_of(own: NodeSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeChild]:
    """A child whose worker is a shell script."""
    made: list[WorkerChild] = []

    def make(script: str) -> WorkerChild:
        command = ("/bin/sh", "-c", script)
        monkeypatch.setattr(launch, "worker_command", lambda *_: command)
        made.append(WorkerChild(MODEL, "cpu", own))
        return made[-1]

    yield make
    for child in made:
        if pid := child.standing().process[0]:
            kill(pid)
        eventually(partial(is_over, child))


def kill(pid: int) -> None:
    if psutil.pid_exists(pid):
        os.kill(pid, signal.SIGKILL)


def stepped(child: WorkerChild, order: str = "serve", report: Report | None = None) -> WorkerChild:
    child.step(order, report)
    return child


def is_over(child: WorkerChild) -> bool:
    return stepped(child, "stop").is_over


def report_of(child: WorkerChild, state: str, **facts: object) -> Report:
    """What the child's worker would say of itself."""
    pid, born = child.standing().process
    row = {"node": "m", "slots": 1, "context": 16, "expires_ms": 0, "pid": pid, "born": born}
    return Report(**{**row, "state": state, **facts})  # type: ignore[arg-type]


def died(child: WorkerChild, times: int) -> bool:
    return stepped(child).standing().restarts >= times


def test_pauses_grow_while_it_never_becomes_ready(child_of: MakeChild) -> None:
    """0.1 s, 0.2 s, and then the longest."""
    child = child_of("exit 3")
    pauses = []
    for deaths in (1, 2, 3, 4):
        eventually(partial(died, child, deaths))
        began = time.monotonic()
        assert child.standing().state == "paused"
        assert child.standing().reason == "ended with status 3"
        eventually(lambda: stepped(child).standing().state == "starting")
        pauses.append(time.monotonic() - began)
    for pause, expected in zip(pauses, (0.1, 0.2, 0.3, 0.3), strict=True):
        assert expected - 0.05 < pause < expected + 0.4


def test_one_that_was_ready_starts_again_at_once(child_of: MakeChild) -> None:
    """Its report said so; in the very step that notices the death there is another process."""
    child = stepped(child_of("sleep 60"))
    stepped(child, report=report_of(child, "ready"))
    killed = child.standing().process[0]
    assert child.standing().state == "running"
    kill(killed)
    eventually(lambda: died(child, 1))
    assert child.standing().process[0] != killed
    assert child.standing().reason == "killed by signal 9"


def test_one_that_was_ready_for_a_moment_is_not_paused(child_of: MakeChild) -> None:
    """Its report may be read only after its death was seen."""
    child = stepped(child_of("sleep 60"))
    ready = report_of(child, "ready")
    kill(ready.pid)
    eventually(lambda: died(child, 1))
    assert child.standing().state == "paused"
    assert stepped(child, report=ready).standing().state == "starting"
    assert child.standing().process[0] != ready.pid


def test_what_it_said_of_itself_is_a_part_of_the_reason(child_of: MakeChild) -> None:
    """And only of the death that followed."""
    child = stepped(child_of("sleep 60"))
    failed = report_of(child, "failed", reason="no such file")
    stepped(child, report=failed)
    kill(failed.pid)
    eventually(lambda: died(child, 1))
    assert child.standing().reason == "killed by signal 9: no such file"
    eventually(lambda: stepped(child).standing().process[0] != failed.pid)
    kill(child.standing().process[0])
    eventually(lambda: died(child, 2))
    assert child.standing().reason == "killed by signal 9"


def test_a_drain_waits_for_what_runs(child_of: MakeChild) -> None:
    """It is told to end when its report says draining, and that nothing runs."""
    child = stepped(child_of("sleep 60"))
    stepped(child, report=report_of(child, "ready"))
    for report in (report_of(child, "ready"), report_of(child, "draining", busy=1)):
        for _ in range(5):
            stepped(child, "drain", report)
            time.sleep(0.02)
        assert child.standing().to_drain
        assert child.standing().state == "stopping"
        assert not child.is_over
    eventually(lambda: stepped(child, "drain", report_of(child, "draining")).is_over)


def test_a_drain_that_is_taken_back_ends_and_starts_anew(child_of: MakeChild) -> None:
    """A worker that takes nothing more does not begin to again."""
    child = stepped(child_of("sleep 60"))
    stepped(child, report=report_of(child, "ready"))
    drained = report_of(child, "draining", busy=1)
    stepped(child, "drain", drained)
    assert stepped(child, "serve", drained).standing().state == "stopping"
    idle = report_of(child, "draining", busy=0)
    eventually(lambda: stepped(child, "serve", idle).standing().process[0] != drained.pid)
    assert child.standing().restarts == 0
    assert child.standing().state == "starting"


def test_one_that_somebody_else_drained_is_followed_by_another(child_of: MakeChild) -> None:
    """An operator asked it to drain: it finishes what it runs, ends, and starts anew."""
    child = stepped(child_of("sleep 60"))
    stepped(child, report=report_of(child, "ready"))
    busy, idle = report_of(child, "draining", busy=1), report_of(child, "draining")
    assert stepped(child, "serve", busy).standing().state == "stopping"
    assert child.standing().process[0] == busy.pid
    eventually(lambda: stepped(child, "serve", idle).standing().process[0] != busy.pid)
    assert child.standing().restarts == 0


def test_one_that_is_not_ready_has_nothing_to_finish(child_of: MakeChild) -> None:
    """A drain while it loads ends it."""
    child = stepped(child_of("sleep 60"))
    eventually(lambda: stepped(child, "drain").is_over)
    assert child.standing().restarts == 0


def test_one_that_does_not_end_is_killed(child_of: MakeChild) -> None:
    """After the time that it has, with whatever it started."""
    child = stepped(child_of("trap '' TERM; sleep 60; true"))
    pid = child.standing().process[0]
    eventually(lambda: psutil.Process(pid).children())
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    began = time.monotonic()
    eventually(lambda: stepped(child, "stop").is_over, 3)
    assert time.monotonic() - began >= 0.3
    eventually(lambda: all(hosts.born(each.pid) is None for each in family), 1)


def test_it_waits_for_an_earlier_process_and_then_kills_it(
    child_of: MakeChild, own: NodeSettings
) -> None:
    """The one that holds the model's lock, when it does not end in time."""
    path = launch.lock_path(own.run_folder, MODEL.queue, "n")
    lock = locks.take(path)
    assert lock is not None
    with subprocess.Popen(["/bin/sh", "-c", STUBBORN], pass_fds=(lock,)) as earlier:
        locks.sign(lock, earlier.pid)
        os.close(lock)
        child = stepped(child_of("sleep 60"))
        assert child.standing().process == (0, 0)
        assert (child.standing().state, child.standing().reason) == ("starting", EARLIER)
        eventually(lambda: stepped(child).standing().process != (0, 0), 3)
        assert earlier.wait(1) == -signal.SIGKILL


def test_what_cannot_be_started_is_tried_again(child_of: MakeChild, own: NodeSettings) -> None:
    """A folder that cannot be written to is a reason like any other."""
    own.data_dir.joinpath("log").write_text("in the way of the folder")
    child = stepped(child_of("sleep 60"))
    assert child.standing().state == "paused"
    assert "cannot be started" in child.standing().reason
    own.data_dir.joinpath("log").unlink()
    eventually(lambda: stepped(child).standing().process != (0, 0))


def test_a_worker_is_told_whose_it_is(child_of: MakeChild, own: NodeSettings) -> None:
    """Its environment names its node and its device, and hides every GPU from one of the cpu."""
    child = stepped(child_of('echo "$MILLRACE_FLEET_NODE $MILLRACE_DEVICE<$CUDA_VISIBLE_DEVICES>"'))
    eventually(lambda: died(child, 1))
    assert (own.log_folder / "chat.m.log").read_text() == "n cpu<>\n"


def test_it_ends_with_the_node(tmp_path: Path, own: NodeSettings) -> None:
    """However that ends: the kernel sends SIGTERM to the worker."""
    node = (
        "import sys, time; from pathlib import Path; from worker.node import launch, locks;"
        "from worker.node.process import Process; import os;"
        "lock = locks.take(Path(sys.argv[1]));"
        "p = Process(('/bin/sleep', '60'), os.environ, lock, 2); print(p.pid, flush=True);"
        "time.sleep(60)"
    )
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", node, str(path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        eventually(lambda: psutil.Process(pid).name() == "sleep")
        assert locks.holder(path) == pid
        parent.kill()
    eventually(lambda: hosts.born(pid) is None, 2)


def test_a_worker_whose_node_is_gone_does_not_begin(tmp_path: Path) -> None:
    """It died between starting the worker and the worker's asking to be told of that."""
    leash = Path(launch.__file__).with_name("leash.py")
    with (tmp_path / "lock").open("w") as lock:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(leash), "1", str(lock.fileno()), "/bin/echo", "began"],
            capture_output=True,
            text=True,
            check=False,
            pass_fds=(lock.fileno(),),
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "the node died" in done.stderr


def test_workers_share_the_session_of_their_node(child_of: MakeChild) -> None:
    """So that the kernel weighs their threads against each other; to be killed whole they have a
    process group each."""
    pid = stepped(child_of("sleep 60")).standing().process[0]
    assert pid is not None
    assert os.getsid(pid) == os.getsid(0)
    assert os.getpgid(pid) == pid
