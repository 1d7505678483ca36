"""The embedded Redis servers: whether, where, and under which laws they start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import CannotStart
from runner.redis_server import (
    RedisServer,
    check_data_is_readable,
    configuration,
    find_binary,
    hold,
    server,
    servers,
)
from runner.settings import RunnerSettings


def test_ports_come_from_the_urls(tmp_path: Path) -> None:
    """A server listens where the clients' URL says that it does."""
    settings = RunnerSettings(
        queue_url="redis://localhost:7001/2", cache_url="redis://[::1]/0", data_dir=tmp_path
    )
    queue, cache = servers(settings)
    assert (queue.host, queue.port) == ("127.0.0.1", 7001)
    assert (cache.host, cache.port) == ("::1", 6379)


def test_nothing_is_embedded_when_switched_off() -> None:
    """With embed_redis off the URLs may name any server, and none is started."""
    assert servers(RunnerSettings(embed_redis=False, queue_url="rediss://far.example:1/0")) == []


@pytest.mark.parametrize(
    "url",
    ["redis://far.example:6390/0", "rediss://127.0.0.1:6390/0", "unix:///tmp/redis.sock"],
)
def test_urls_of_other_servers_cannot_be_embedded(url: str) -> None:
    """A URL that is not plain Redis on this machine is refused, with the way out."""
    with pytest.raises(CannotStart, match="MILLRACE_EMBED_REDIS=false"):
        server(RunnerSettings(queue_url=url), "queue")


def test_impossible_port_is_a_message() -> None:
    """A port beyond 65535 names the variable instead of raising from the URL parser."""
    with pytest.raises(CannotStart, match="MILLRACE_CACHE_URL"):
        server(RunnerSettings(cache_url="redis://127.0.0.1:99999/0"), "cache")


def test_queue_never_evicts_and_is_on_disk(tmp_path: Path) -> None:
    """The queue's server appends every write to a file, and is full rather than forgetful."""
    settings = RunnerSettings(data_dir=tmp_path, queue_fsync="always")
    lines = configuration(server(settings, "queue"), settings).splitlines()
    laws = ("maxmemory-policy noeviction", "maxmemory 1gb", "appendonly yes")
    for law in (*laws, "appendfsync always", 'save ""'):
        assert law in lines


def test_cache_is_bounded_and_not_on_disk(tmp_path: Path) -> None:
    """The cache's server forgets the least recently used, and writes nothing."""
    settings = RunnerSettings(data_dir=tmp_path, cache_maxmemory="64mb")
    lines = configuration(server(settings, "cache"), settings).splitlines()
    for law in ("maxmemory-policy allkeys-lru", "maxmemory 64mb", 'save ""'):
        assert law in lines
    assert "appendonly yes" not in lines


def test_password_of_the_url_is_required_and_quoted(tmp_path: Path) -> None:
    """A password in the URL protects the embedded server, whatever characters it has."""
    settings = RunnerSettings(data_dir=tmp_path, queue_url="redis://:a%22%20b@127.0.0.1:7001/0")
    assert 'requirepass "a\\" b"' in configuration(server(settings, "queue"), settings)


def test_binary_of_the_machine_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redis-server on the PATH wins over the one that the package carries."""
    own = tmp_path / "redis-server"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert find_binary() == own


def test_missing_binary_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any redis-server the message says how to get one."""
    monkeypatch.setattr("runner.redis_server.shutil.which", lambda _: None)
    monkeypatch.setattr("runner.redis_server.find_spec", lambda _: None)
    with pytest.raises(CannotStart, match="apt-get install redis-server"):
        find_binary()


def test_data_folder_is_held_once(tmp_path: Path) -> None:
    """A second Millrace cannot use a data folder until the first one lets go of it."""
    lock = hold(tmp_path)
    with pytest.raises(CannotStart, match="in use by another Millrace"):
        hold(tmp_path)
    os.close(lock)
    os.close(hold(tmp_path))


def test_newer_data_is_not_hidden(tmp_path: Path) -> None:
    """An old server that would ignore a newer one's data, and start empty, is refused."""
    (tmp_path / "appendonlydir").mkdir()
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.2.7 sha=0'\n")
    old.chmod(0o755)
    this = RedisServer("queue", "127.0.0.1", 1, None, tmp_path)
    with pytest.raises(CannotStart, match="start empty"):
        check_data_is_readable(this, old)
