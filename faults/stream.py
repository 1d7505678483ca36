"""A streamed answer, read in a thread of its own, which may break, be left, and be resumed."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2 as httpx

from faults.book import Book
from faults.wire import Heard, Reader

LOOK_S = 0.005
# Longer than any silence that a row allows; the server's pings come every 5 s.
SILENCE_S = 60.0


class Stream:
    """An answer under way.

    1. ``follow`` begins to read a request's answer; its id is in the book before its first event
       is read. ``status`` is 0 when there was no answer at all.
    2. It ends by itself (``over``), by ``leave``, or ``broken`` by a connection that was cut.
    3. ``follow`` again, with a request that resumes it, appends to the same events.
    """

    def __init__(self, book: Book) -> None:
        self.reader = Reader()
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.body = b""
        self.job_id = ""
        self.broken: str | None = None
        self._book = book
        self._socket: socket.socket | None = None
        self._left = False
        self._thread: threading.Thread | None = None

    # ---- what came ----------------------------------------------------------------------

    @property
    def events(self) -> list[Heard]:
        """The events so far."""
        return self.reader.events

    @property
    def text(self) -> str:
        """The text so far."""
        return self.reader.text

    @property
    def over(self) -> bool:
        """Whether nothing is being read any more."""
        return self._thread is None or not self._thread.is_alive()

    @property
    def whole(self) -> bool:
        """Whether it ended as an answer ends."""
        return self.reader.done and self.reader.error is None

    @property
    def ending(self) -> str:
        """How it ended, in words, for a note."""
        if self.reader.error is not None:
            return f"an error: {self.reader.error.get('code')}"
        if self.broken or not self.over:
            return self.broken or "nothing: it goes on"
        return "[DONE]" if self.reader.done else f"status {self.status}: {self.body[:200]!r}"

    # ---- reading ------------------------------------------------------------------------

    def follow(self, client: httpx.Client, method: str, url: str, **request: Any) -> None:
        """Begin to read, in a thread."""
        self.status, self.broken, self._left = 0, None, False
        self.reader.error = None
        self._thread = threading.Thread(
            target=self._read, args=(client, method, url), kwargs=request, daemon=True
        )
        self._thread.start()

    def leave(self) -> None:
        """Close the connection, as a client does that has gone."""
        self._left = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self.wait_over(10)

    def wait_events(self, number: int, timeout_s: float = 30) -> bool:
        """Wait for so many events in all; False when it ended, or took too long."""
        return self._wait(lambda: len(self.events) >= number or self.over, timeout_s) and (
            len(self.events) >= number
        )

    def wait_over(self, timeout_s: float = 60) -> bool:
        """Wait until nothing is being read any more."""
        return self._wait(lambda: self.over, timeout_s)

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        give_up_at = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > give_up_at:
                return False
            time.sleep(LOOK_S)
        return True

    def _read(self, client: httpx.Client, method: str, url: str, **request: Any) -> None:
        try:
            with client.stream(method, url, timeout=SILENCE_S, **request) as answer:
                self._socket = answer.extensions["network_stream"].get_extra_info("socket")
                self._answered(answer)
                if answer.status_code != httpx.codes.OK:
                    self.body = answer.read()
                    return
                for line in answer.iter_lines():
                    self.reader.line(line)
            if not self.reader.done and self.reader.error is None:
                self.broken = "it ended without [DONE]"
        except httpx.TransportError as error:
            self.broken = None if self._left else f"{type(error).__name__}: {error}"
        finally:
            self._socket = None
            self.reader.cut()

    def _answered(self, answer: httpx.Response) -> None:
        job_id = answer.headers.get("x-request-id", "")
        if answer.status_code == httpx.codes.OK and job_id and not self.job_id:
            self._book.write(job_id)
            self.job_id = job_id
        self.headers = dict(answer.headers)
        self.status = answer.status_code
