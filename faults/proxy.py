"""A TCP proxy between one process and Redis: commands arrive there, and their answers get lost.

It reads what passes as commands, so that a fault strikes one that was chosen: forwarded, applied
by Redis, and never answered, which is what a broken network leaves behind.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from faults.commands import Command, parsed

Matches = Callable[[Command], bool]

CHUNK_BYTES = 65536


class Loss:
    """Answers that are to be lost: of the next ``left`` commands that match."""

    def __init__(self, matches: Matches, times: int) -> None:
        self.matches = matches
        self.times = times
        self.left = times
        self.lost = 0
        self._changed = threading.Condition()

    def take(self, command: Command) -> bool:
        """Whether the answer to ``command`` is one of them."""
        with self._changed:
            if self.left == 0 or not self.matches(command):
                return False
            self.left -= 1
            return True

    def settle(self, applied: bool) -> None:
        """The command was applied, and its answer dropped; or Redis refused it, and said so."""
        with self._changed:
            if applied:
                self.lost += 1
            else:
                self.left += 1
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Whether all of them were lost in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.lost == self.times, timeout_s)


class Proxy:
    """Listens on a free port of this machine and connects through to Redis.

    1. ``lose`` drops the answers to commands that match, and cuts their connections.
    2. ``slow`` delays every answer from now on.
    3. ``cut`` breaks all connections once; new ones are taken.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._losses: list[Loss] = []
        self._links: set[_Link] = set()
        self._closed = False
        self.delay_s = 0.0
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def url(self) -> str:
        """What a process behind this proxy takes for its Redis."""
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def lose(self, matches: Matches, times: int = 1) -> Loss:
        """Lose the answers to the next ``times`` commands that match."""
        loss = Loss(matches, times)
        with self._lock:
            self._losses = [each for each in self._losses if each.left]
            self._losses.append(loss)
        return loss

    def slow(self, delay_s: float) -> None:
        """Delay every answer by so much; 0 ends it."""
        self.delay_s = delay_s

    def cut(self) -> None:
        """Break every connection."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.cut()

    def close(self) -> None:
        """Stop listening, and break every connection."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def chosen(self, command: Command) -> Loss | None:
        """The loss that ``command`` falls under, if any."""
        with self._lock:
            return next((loss for loss in self._losses if loss.take(command)), None)

    def forget(self, link: _Link) -> None:
        """The link is broken."""
        with self._lock:
            self._links.discard(link)

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._target, timeout=3)
            except OSError:
                # Redis is away: what its client sees is a connection that ends at once.
                near.close()
                continue
            link = _Link(self, near, far)
            with self._lock:
                self._links.add(link)
            link.start()


class _Link:
    """One connection, a thread for each direction."""

    def __init__(self, proxy: Proxy, near: socket.socket, far: socket.socket) -> None:
        self._proxy = proxy
        self._near = near
        self._far = far
        self._dropping: Loss | None = None
        for side in (near, far):
            side.settimeout(None)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        """Begin to pass on."""
        for run in (self._forward, self._answer):
            threading.Thread(target=run, name="link", daemon=True).start()

    def cut(self) -> None:
        """Break it, on both sides."""
        self._proxy.forget(self)
        for side in (self._near, self._far):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()

    def _forward(self) -> None:
        waiting = b""
        with contextlib.suppress(OSError):
            while data := self._near.recv(CHUNK_BYTES):
                waiting += data
                while (command := parsed(waiting)) is not None:
                    whole, waiting = waiting[: command[1]], waiting[command[1] :]
                    # Before it is sent: its answer may be there before the next line runs.
                    self._dropping = self._dropping or self._proxy.chosen(command[0])
                    self._far.sendall(whole)
        self.cut()

    def _answer(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._far.recv(CHUNK_BYTES):
                if self._proxy.delay_s:
                    time.sleep(self._proxy.delay_s)
                if self._dropping is not None:
                    # An error (a script that Redis does not know yet) was not applied.
                    applied = not data.startswith(b"-")
                    dropping, self._dropping = self._dropping, None
                    if applied:
                        self.cut()
                    dropping.settle(applied)
                    if applied:
                        return
                self._near.sendall(data)
        self.cut()
