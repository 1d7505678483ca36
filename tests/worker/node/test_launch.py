"""What workers are started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.model import Model
from worker.node import launch


def test_two_nodes_on_one_machine_name_their_workers_apart() -> None:
    """By the node's name, in remote control as in the locks."""
    model = Model(name="m", kind="chat", source="echo:", slots=3)
    command = " ".join(launch.worker_command(model, "left", "info"))
    assert "-Q chat.m -n chat.m@left -P threads -c 3 " in command
    run = Path("run")
    assert launch.lock_path(run, "chat.m", "left") != launch.lock_path(run, "chat.m", "right")


def test_queues_that_read_the_same_as_files_have_locks_of_their_own() -> None:
    """``a/b`` and ``a:b`` are two models, and both may run."""
    run = Path("run")
    assert launch.part_name("chat.a/b") == launch.part_name("chat.a:b")
    assert launch.lock_path(run, "chat.a/b", "n") != launch.lock_path(run, "chat.a:b", "n")


@pytest.mark.parametrize(
    ("device", "inherited", "seen"),
    [("cpu", None, ""), ("cuda:1", None, "1"), ("cuda:1", "4,6", "6"), ("cpu", "4,6", "")],
)
def test_a_worker_sees_the_gpu_that_it_was_given(
    device: str, inherited: str | None, seen: str
) -> None:
    """And none for the cpu; indices count what the node itself may see."""
    environment = {"CUDA_VISIBLE_DEVICES": inherited} if inherited is not None else {}
    told = launch.environment(environment, "n", device)
    assert told["CUDA_VISIBLE_DEVICES"] == seen
    assert (told["MILLRACE_FLEET_NODE"], told["MILLRACE_DEVICE"]) == ("n", device)


def test_a_log_that_has_grown_long_is_put_aside(tmp_path: Path) -> None:
    """At the next start; a short one is added to."""
    path = tmp_path / "chat.m.log"
    for text in (b"a", b"b"):
        with open(launch.open_log(tmp_path, "chat.m"), "wb") as log:  # noqa: PTH123 - a descriptor
            log.write(text)
    assert path.read_bytes() == b"ab"
    path.write_bytes(b"x" * (launch._LONGEST_LOG_BYTES + 1))
    with open(launch.open_log(tmp_path, "chat.m"), "wb") as log:  # noqa: PTH123 - a descriptor
        log.write(b"new")
    assert path.read_bytes() == b"new"
    assert path.with_name("chat.m.log.1").stat().st_size > launch._LONGEST_LOG_BYTES
