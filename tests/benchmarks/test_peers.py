"""Peers by name, and how one of them is started."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from benchmarks.peers import VARIABLE, LlamaServer, Running, listener, parsed
from benchmarks.tables import measurements


def test_a_program_is_started_and_a_url_is_not() -> None:
    """Both may be a llama-server."""
    assert parsed([f"llama-server={sys.executable}"], {}) == {
        "llama-server": LlamaServer(os.path.realpath(sys.executable))
    }
    named = parsed(["llama-server=http://127.0.0.1:8080", "infinity=http://127.0.0.1:7997"], {})
    assert named == {
        "llama-server": Running("http://127.0.0.1:8080"),
        "infinity": Running("http://127.0.0.1:7997"),
    }


def test_the_command_line_wins_over_the_environment() -> None:
    """The variable is for machines on which it is always the same."""
    environment = {VARIABLE: sys.executable}
    assert list(parsed([], environment)) == ["llama-server"]
    named = parsed(["llama-server=http://x"], environment)
    assert named == {"llama-server": Running("http://x")}


@pytest.mark.parametrize(
    "named", ["llama-server", "vllm=http://x", "llama-server=/no/such", "infinity=/bin/sh"]
)
def test_what_is_no_peer_is_refused(named: str) -> None:
    """Before anything starts."""
    with pytest.raises(ValueError, match=r"NAME=WHERE|no program|give the URL"):
        parsed([named], {})


def test_a_started_peer_has_what_our_model_has() -> None:
    """As many slots, and the context of one for each of them."""
    arguments = LlamaServer("x", ("-ctk", "bf16")).arguments()
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert (given["-np"], given["-c"]) == ("32", str(32 * 2048))
    assert given["-t"] == given["-tb"] == str(len(os.sched_getaffinity(0)))
    assert given["-ctk"] == "bf16"


def test_the_process_behind_a_port_is_found() -> None:
    """A peer's processor time is its own, and nobody else's disturbance."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert listener(port) == os.getpid()
    with pytest.raises(ValueError, match=f"port {port}"):
        listener(port)


def test_rows_of_a_peer_are_there_when_it_is() -> None:
    """And without it a sentence says how to get one, and the page keeps its table."""
    without = measurements({})[0]
    beside = measurements(parsed([f"llama-server={sys.executable}"], {}))[0]
    assert len(without.contenders) == 1
    assert not without.whole
    assert "--peer" in without.lacks[0]
    assert beside.contenders[0].name == "llama-server"
    assert len(beside.contenders) == 3
    assert beside.whole


def test_every_target_names_a_row_and_a_column() -> None:
    """Else it would never be judged."""
    peers = parsed([f"llama-server={sys.executable}", "infinity=http://x"], {})
    for measurement in measurements(peers):
        rows = {each.name for each in measurement.contenders}
        columns = {metric.key for metric in measurement.metrics}
        for target in measurement.targets:
            assert target.metric in columns
            assert {target.ours, target.base or target.ours} <= rows
