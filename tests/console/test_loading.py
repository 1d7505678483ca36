"""``millrace models load`` and ``unload``."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.fleet import loading
from tasks.fleet import Placement, Wish
from tasks.model import Model
from tests.conftest import RedisServer
from tests.console.conftest import Millrace
from tests.console.fleets import Fleets, ended
from tests.console.lives import Lives
from tests.console.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
PLACED = Placement("placed", ("box",))


@contextmanager
def answering(fleets: Fleets, model: Model, *steps: Callable[[], object]) -> Iterator[None]:
    """What the placer and the node do, step by step, once something is wished for the model."""

    def play() -> None:
        give_up_at = time.monotonic() + 20
        while fleets.wish(model) is None and time.monotonic() < give_up_at:
            time.sleep(0.01)
        for step in steps:
            step()
            time.sleep(0.3)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.fixture
def model(fleets: Fleets) -> Model:
    """A model that nobody wants yet, where a keeper and a node are at work."""
    fleets.roster.report_keeper("k", 60)
    fleets.node("box")
    return fleets.model("m", preload=False, aliases=("em",))


def test_a_load_is_waited_for(millrace: Millrace, fleets: Fleets, model: Model) -> None:
    """Through its stages, each said once; in the end where it is ready."""
    with answering(
        fleets,
        model,
        lambda: fleets.placed(m=PLACED),
        lambda: fleets.node("box", fleets.child(model, "starting")),
        lambda: fleets.worker(model, "loading", progress=0.5),
        lambda: fleets.worker(model, "ready"),
    ):
        result = millrace("models", "load", "em")
    assert result.exit_code == 0, result.output
    assert result.stdout == "m is ready on box (cpu).\n"
    # The first stage may be over by the first look, on a busy machine.
    assert result.stderr.splitlines()[-1] == "m is loading on box"
    assert len(set(result.stderr.splitlines())) == len(result.stderr.splitlines())
    wish = fleets.wish(model)
    assert wish is not None
    assert (wish.wanted, wish.why) == (True, "admin")


def test_a_load_need_not_be_waited_for(millrace: Millrace, fleets: Fleets, model: Model) -> None:
    """What is asked for is kept, and done later."""
    result = millrace("models", "load", "m", "--no-wait")
    assert (result.exit_code, result.stdout) == (0, "m is to be loaded.\n")
    wish = fleets.wish(model)
    assert wish is not None
    assert wish.wanted


def test_a_failure_ends_the_wait(millrace: Millrace, fleets: Fleets, model: Model) -> None:
    """With status 1 and the worker's words, in one line."""
    with answering(
        fleets,
        model,
        lambda: fleets.placed(m=PLACED),
        lambda: fleets.worker(model, "failed", reason="bad\nmagic", **ended()),
    ):
        result = millrace("models", "load", "m")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "m failed: bad magic"


def test_a_failure_of_before_is_not_the_answer(
    millrace: Millrace, fleets: Fleets, model: Model
) -> None:
    """Its node pauses, and tries again what may be repaired by now."""
    paused = fleets.child(model, "paused", reason="bad magic", since_ms=1)
    fleets.node("box", paused)
    with answering(
        fleets,
        model,
        lambda: fleets.placed(m=PLACED),
        lambda: fleets.worker(model, "loading"),
        lambda: fleets.worker(model, "ready"),
    ):
        result = millrace("models", "load", "m")
    assert result.exit_code == 0, result.output


def test_what_no_node_can_serve_ends_the_wait(
    millrace: Millrace, fleets: Fleets, model: Model
) -> None:
    """Once it has stayed so for a while: a plan may be of before the wish."""
    fleets.placed(m=Placement("unplaceable", reason="box has no GPU"))
    began_s = time.monotonic()
    result = millrace("models", "load", "m")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "m is unplaceable: box has no GPU"
    assert 2.5 < time.monotonic() - began_s < 8


def test_an_old_plan_does_not_end_the_wait(
    millrace: Millrace, fleets: Fleets, model: Model
) -> None:
    """The node that can serve it has just come."""
    fleets.placed(m=Placement("unplaceable", reason="box has no GPU"))
    with answering(
        fleets, model, lambda: fleets.placed(m=PLACED), lambda: fleets.worker(model, "ready")
    ):
        assert millrace("models", "load", "m").exit_code == 0


def test_without_a_node_a_load_ends_with_what_to_do(millrace: Millrace, fleets: Fleets) -> None:
    """What was asked for stands, and is said to."""
    model = fleets.model("m", preload=False)
    result = millrace("models", "load", "m")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0].startswith("No keeper reports")
    assert "`millrace node`" in result.stderr.splitlines()[-1]
    wish = fleets.wish(model)
    assert wish is not None
    assert wish.wanted


def test_a_wait_has_an_end(millrace: Millrace, fleets: Fleets, model: Model) -> None:
    """Status 1, how it stands, and that it may still come."""
    fleets.placed(m=Placement("waiting", reason="box is full"))
    result = millrace("models", "load", "m", "--timeout", "0.3")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "m is waiting: box is full; given up after 0.3 s, and what was asked for stands."
    )


def test_a_worker_of_an_older_definition_is_not_the_one_asked_for(
    millrace: Millrace, fleets: Fleets, model: Model
) -> None:
    """It serves until its node has ended it; then the new one comes."""
    fleets.placed(m=PLACED)
    fleets.worker(model, "ready", fingerprint="0" * 16)
    assert millrace("models", "load", "m", "--timeout", "0.5").exit_code == 1
    fleets.worker(model, "ready")
    assert millrace("models", "load", "m", "--timeout", "0.5").exit_code == 0


def test_a_load_that_was_overtaken_ends(millrace: Millrace, fleets: Fleets, model: Model) -> None:
    """Somebody else unloaded it."""
    with answering(
        fleets,
        model,
        lambda: fleets.fleet.wish(
            "m", Wish(wanted=False, why="evicted", at_ms=fleets.now_ms + 1_000)
        ),
    ):
        result = millrace("models", "load", "m")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "m was unloaded meanwhile (evicted)."


def test_a_terminal_shows_the_progress(
    redis_server: RedisServer, fleets: Fleets, tmp_path: Path
) -> None:
    """A bar with a share, which leaves nothing behind."""
    fleets.roster.report_keeper("k", 60)
    fleets.node("box")
    model = fleets.model("m", preload=False)
    queue = {
        "MILLRACE_QUEUE_URL": redis_server.url,
        "MILLRACE_KEY_PREFIX": fleets.settings.key_prefix,
    }
    terminal = Terminal(
        [sys.executable, "-c", "from runner.cli import main; main()", "models", "load", "m"],
        cwd=tmp_path,
        env={**os.environ, **queue, "PYTHONPATH": str(ROOT)},
        width=100,
    )
    try:
        terminal.wait_for("m is waiting")
        fleets.placed(m=PLACED)
        fleets.worker(model, "loading", progress=0.42)
        terminal.wait_for("m is loading on box")
        terminal.wait_for("42%")
        fleets.worker(model, "ready")
        terminal.wait_for("m is ready on box (cpu).")
        assert terminal.process.wait(timeout=10) == 0
    finally:
        terminal.close()


def test_an_unload_is_waited_for(millrace: Millrace, fleets: Fleets, model: Model) -> None:
    """Until no process is left, however its state is called."""
    fleets.worker(model, "ready")
    fleets.node("box", fleets.child(model))
    with answering(
        fleets,
        model,
        lambda: fleets.worker(model, "draining"),
        lambda: fleets.gone(model),
        lambda: fleets.node("box"),
    ):
        result = millrace("models", "unload", "m", "--force")
    assert (result.exit_code, result.stdout) == (0, "m is unloaded.\n")
    wish = fleets.wish(model)
    assert wish is not None
    assert (wish.wanted, wish.why, wish.force) == (False, "admin", True)
    assert not fleets.fleet.nodes()["box"].children


def test_an_unload_that_a_request_overtakes_ends(
    millrace: Millrace, fleets: Fleets, model: Model
) -> None:
    """A job that comes for the model loads it again."""
    fleets.worker(model, "ready")
    with answering(
        fleets,
        model,
        lambda: fleets.fleet.wish(
            "m", Wish(wanted=True, why="request", at_ms=fleets.now_ms + 1_000)
        ),
    ):
        result = millrace("models", "unload", "m")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "m was asked for again meanwhile (request)."


def test_a_worker_that_no_node_keeps_is_not_unloaded(
    millrace: Millrace, fleets: Fleets, model: Model
) -> None:
    """Whoever started its process ends it."""
    fleets.worker(model, "ready", node="")
    result = millrace("models", "unload", "m")
    assert result.exit_code == 1
    assert "no node keeps (pid 8 on host-9): stop that one" in result.stderr
    assert fleets.wish(model) is None


def test_a_failure_that_nobody_repairs_ends_the_wait(
    millrace: Millrace, fleets: Fleets, model: Model
) -> None:
    """Of a worker that no node starts again, whenever it failed."""
    fleets.worker(model, "failed", node="", since_ms=1, reason="bad magic")
    result = millrace("models", "load", "m")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "m failed: bad magic"


def test_an_added_model_can_be_forgotten(millrace: Millrace, fleets: Fleets, model: Model) -> None:
    """Its definition and what was wished for it, once it is unloaded."""
    result = millrace("models", "unload", "m", "--forget")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == ["m is unloaded.", "m is forgotten."]
    assert fleets.fleet.definitions() == {}
    assert fleets.wish(model) is None


def test_a_model_of_the_file_is_not_forgotten(
    millrace: Millrace, lives: Lives, fleets: Fleets
) -> None:
    """The file has it, and nothing is unloaded."""
    result = millrace("models", "unload", lives.model, "--forget")
    assert result.exit_code == 1
    assert "models.toml" in result.stderr
    assert fleets.fleet.wishes() == {}


def test_what_was_asked_for_outlives_the_one_who_waits(
    millrace: Millrace, fleets: Fleets, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the command alone, with status 130."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loading, "wait_for", interrupted)
    result = millrace("models", "load", "m")
    assert result.exit_code == 130
    assert "stands" in result.stderr
    wish = fleets.wish(model)
    assert wish is not None
    assert wish.wanted
