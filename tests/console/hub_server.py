"""A small server that plays the hub: files behind a redirect, with ranges, and with faults."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" * 6 + "1234"
_PATH = re.compile(r"^/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)$")


@dataclass
class Asked:
    """A request, as the hub or its store saw it."""

    method: str
    path: str
    start: int
    token: str


@dataclass
class Hub:
    """Files by ``owner/repo/file``, and what goes wrong with the next answers.

    Large files are redirected to the ``store``, another server, as the hub does; small ones are
    answered by the hub itself. ``cuts`` are where the next bodies break off, ``corrupt`` how many
    of the next bodies have a wrong byte, ``refuse`` the statuses of the store's next answers and
    ``busy`` those of the hub's. ``etag`` and ``size`` are what it says of large files, if not the
    truth.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)
    cuts: list[int] = field(default_factory=list)
    refuse: list[int] = field(default_factory=list)
    busy: list[int] = field(default_factory=list)
    corrupt: int = 0
    ranges: bool = True
    etag: str = ""
    size: int = 0
    needs_token: str = ""
    pause_s: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    going_on: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    store_url: str = ""

    def bodies(self) -> list[Asked]:
        """The requests for content."""
        return [each for each in self.asked if each.method == "GET" and "/api/" not in each.path]

    def stored(self) -> list[Asked]:
        """Those that came to the store."""
        return [each for each in self.asked if each.path.startswith("/store/")]


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub and its store, on ports of their own."""
    servers = [_Server(hub, is_store) for is_store in (False, True)]
    hub.url, hub.store_url = (f"http://127.0.0.1:{each.server_port}" for each in servers)
    threads = [threading.Thread(target=each.serve_forever, args=(0.05,)) for each in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        hub.going_on.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: Hub, is_store: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        self.is_store = is_store


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's output."""

    def _answer(self) -> None:
        hub = self.server.hub
        start = int((re.findall(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0])[0])
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        hub.asked.append(Asked(self.command, self.path, start, token))
        if self.server.is_store:
            self._send(self.path.removeprefix("/store/"), start)
            return
        found = _PATH.match(self.path)
        name = f"{found['repo']}/{found['file']}" if found else ""
        if hub.busy and "/resolve/" in self.path and (status := hub.busy.pop(0)) != 200:
            self._refuse(status)
        elif hub.needs_token and token != hub.needs_token:
            self._refuse(401, "X-Error-Code", "RepoNotFound")
        elif not any(each.startswith(f"{found['repo']}/") for each in hub.files) if found else True:
            self._refuse(404, "X-Error-Code", "RepoNotFound")
        elif name not in hub.files:
            self._refuse(404, "X-Error-Code", "EntryNotFound")
        elif name in hub.plain:
            self._send(name, start)
        else:
            self.send_response(302)
            self.send_header("Location", f"{hub.store_url}/store/{name}")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("X-Linked-Size", str(hub.size or len(hub.files[name])))
            self.send_header("X-Linked-Etag", f'"{hub.etag or sha256(hub.files[name])}"')
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send(self, name: str, start: int) -> None:
        hub = self.server.hub
        content = hub.files[name]
        if self.server.is_store and hub.refuse and (status := hub.refuse.pop(0)) != 200:
            self._refuse(status)
            return
        if not hub.ranges:
            start = 0
        if start >= len(content) > 0:
            self._refuse(416, "Content-Range", f"bytes */{len(content)}")
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        if not self.server.is_store:
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{blob_sha1(content)}"')
        self.end_headers()
        if self.command == "GET":
            self._send_body(content, start)

    def _send_body(self, content: bytes, start: int) -> None:
        hub = self.server.hub
        if hub.corrupt:
            hub.corrupt -= 1
            content = content[:-1] + bytes([content[-1] ^ 1])
        end = hub.cuts.pop(0) if hub.cuts else len(content)
        self.wfile.write(content[start:end])
        self.wfile.flush()
        if end < len(content):
            self.close_connection = True
            hub.going_on.wait(hub.pause_s)

    def _refuse(self, status: int, header: str = "X-Refused", value: str = "yes") -> None:
        self.send_response(status)
        self.send_header(header, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


def sha256(content: bytes) -> str:
    """What the hub calls a large file."""
    return hashlib.sha256(content).hexdigest()


def blob_sha1(content: bytes) -> str:
    """What the hub, and git, call a small file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324
