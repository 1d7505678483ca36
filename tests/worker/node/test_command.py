"""The command line: what it starts, and how it refuses."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from tests.worker.node.conftest import ROOT, Stand, eventually

LIBRARIES = ("celery", "kombu", "numpy", "llama_cpp", "onnxruntime", "flask")


def run(stand: Stand, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``python -m worker``, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "worker", *arguments],
        cwd=ROOT,
        env=stand.environment | environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_serve_becomes_the_worker_of_one_model(stand: Stand) -> None:
    """By an alias too; the process itself is the worker, and SIGTERM ends it."""
    with subprocess.Popen(
        [sys.executable, "-m", "worker", "serve", "quick"],
        cwd=ROOT,
        env=stand.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        eventually(lambda: [r.state for r in stand.roster.workers("chat.fast").values()])
        eventually(
            lambda: [r.state for r in stand.roster.workers("chat.fast").values()] == ["ready"]
        )
        (report,) = stand.roster.workers("chat.fast").values()
        assert report.pid == process.pid
        assert report.fleet_node == ""
        assert "celery" in " ".join(psutil.Process(process.pid).cmdline())
        process.terminate()
        assert process.wait(10) == 0


def test_an_unknown_model_is_refused_in_one_line(stand: Stand) -> None:
    """With what there is instead, and the code of a wrong command."""
    done = run(stand, "serve", "nothing")
    assert done.returncode == 2
    assert done.stderr == "there is no model 'nothing'; the catalog has fast, slow, broken\n"


def test_an_unknown_model_without_redis_is_not_said_not_to_exist(stand: Stand) -> None:
    """It may have been added at run time."""
    done = run(stand, "serve", "nothing", MILLRACE_QUEUE_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 2
    assert "Redis" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MILLRACE_NODE", "a b", "node"),
        ("MILLRACE_NODE_MEMORY", "much", "node_memory"),
        ("MILLRACE_MODELS_FILE", "none.toml", "none.toml does not exist"),
    ],
)
def test_a_node_that_cannot_start_says_why_in_one_line(
    stand: Stand, variable: str, value: str, said: str
) -> None:
    """A setting or a catalog that cannot be used."""
    done = run(stand, **{variable: value})
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_node_loads_no_library_that_computes() -> None:
    """Nor Celery: it is to be small, and to have next to nothing that can fail."""
    code = (
        "import sys, worker.command;"
        "from worker.node.machine import engines; list(engines());"
        f"print([name for name in {LIBRARIES} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
