"""What every command says when it cannot reach Redis, or its settings are no use."""

from __future__ import annotations

import socket
import time

import pytest

from tasks.ledger import Ledger
from tests.conftest import free_port
from tests.console.conftest import Millrace

COMMANDS = [
    ["jobs", "list"],
    ["jobs", "show", "x"],
    ["jobs", "cancel", "x", "y"],
    ["jobs", "retry", "x", "y"],
    ["jobs", "dead"],
    ["queues"],
    ["queues", "--json"],
    ["queues", "--watch"],
    ["queues", "--watch", "--json"],
    ["models"],
    ["models", "--json"],
    ["models", "--watch"],
    ["models", "show", "x"],
    ["models", "load", "x"],
    ["models", "unload", "x"],
    ["models", "pull", "x"],
    ["models", "add", "x", "--source", "echo:"],
    ["nodes"],
    ["nodes", "--watch", "--json"],
    ["cache"],
    ["cache", "--watch"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_redis_that_is_away_is_one_clear_line(
    millrace: Millrace, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """Status 2, the address without its password, and what can be done."""
    address = f"127.0.0.1:{free_port()}/0"
    monkeypatch.setenv("MILLRACE_QUEUE_URL", f"redis://user:password@{address}")
    result = millrace(*command)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"Cannot reach the queue's Redis at redis://{address} (")
    assert "MILLRACE_QUEUE_URL" in result.stderr
    assert "`millrace up`" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "password" not in result.stderr


def test_a_redis_that_says_nothing_is_given_up_soon(
    millrace: Millrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person waits."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("MILLRACE_QUEUE_URL", f"redis://127.0.0.1:{port}/0")
        began_s = time.monotonic()
        result = millrace("jobs", "list")
    assert result.exit_code == 2
    assert time.monotonic() - began_s < 6
    assert "Cannot reach" in result.stderr


def test_keys_of_something_else_are_one_clear_line(millrace: Millrace, ledger: Ledger) -> None:
    """A Redis that refuses a command is the wrong one."""
    ledger.redis.set(ledger.keys.queues, "a string")
    result = millrace("queues")
    assert result.exit_code == 2
    assert "refused a command (WRONGTYPE" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MILLRACE_QUEUE_URL", "password"),
        ("MILLRACE_QUEUE_URL", "redis://user:pass/word@host"),
        ("MILLRACE_LEASE_S", "password"),
        ("ENGINE_WORKERS", "0"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    millrace: Millrace, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Status 2; its value may be a password."""
    monkeypatch.setenv(name, value)
    result = millrace("queues")
    assert result.exit_code == 2
    assert result.stderr.startswith(name)
    assert result.stderr.count("\n") == 1
    assert "password" not in result.output
    assert "word@host" not in result.output
