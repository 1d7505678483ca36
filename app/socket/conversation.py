"""A connection's course: messages are taken in, answers run beside, and it ends in order.

1. A request gets a thread of its own, which under gevent is a greenlet.
2. A connection on which nothing is open and nobody speaks is closed after a while.
3. When this process is to end, it closes: at once with nothing open, else when the answers have
   said where they go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from flask import copy_current_request_context

from app.drain import drain
from app.openai.errors import (
    INVALID_REQUEST,
    RATE_LIMIT,
    BadRequest,
    ServerRestarting,
    body_of,
    error_body,
)
from app.settings import ApiSettings
from app.socket.answer import Answer
from app.socket.connection import GOING_AWAY, TRY_AGAIN, Closed, Connection
from app.socket.messages import Cancel, Create, Frames, Resume, id_of, read
from tasks.api_keys import ApiKey

LOOK_S = 1.0
# While the process ends, for which it has a few seconds.
ENDING_LOOK_S = 0.1
# How long answers that were told to end may take to say so.
ENDING_S = 1.0


class Conversation:
    """One connection, and what is open on it."""

    def __init__(
        self, connection: Connection, settings: ApiSettings, who: Callable[[], ApiKey | None]
    ) -> None:
        """``who`` is asked for every request: a key may be revoked while a connection stands."""
        self._connection = connection
        self._settings = settings
        self._who = who
        self._open: dict[str, Answer] = {}
        self._threads: set[threading.Thread] = set()

    def run(self) -> None:
        """Serve the connection until it ends."""
        try:
            self._listen()
        except Closed:
            pass
        finally:
            self._connection.end()
            for thread in list(self._threads):
                thread.join()

    def _listen(self) -> None:
        heard_at = time.monotonic()
        while True:
            message = self._connection.receive(ENDING_LOOK_S if drain.begun else LOOK_S)
            if message is not None:
                self._take(message)
            if message is not None or self._open:
                heard_at = time.monotonic()
            if drain.over or (drain.begun and not self._open):
                self._await_answers()
                self._connection.close(TRY_AGAIN, "The server is restarting: connect again.")
                return
            if time.monotonic() - heard_at > self._settings.socket_idle_s:
                self._connection.close(GOING_AWAY, "Nothing was asked for a long time.")
                return

    def _take(self, message: bytes) -> None:
        if len(message) > self._settings.body_limit_bytes:
            self._refuse(id_of(message), *self._too_large())
            return
        try:
            asked = read(message)
        except BadRequest as error:
            self._refuse(id_of(message), body_of(error), error.status)
            return
        if isinstance(asked, Cancel):
            if (answer := self._open.get(asked.id)) is not None:
                answer.cancel()
            return
        if (refusal := self._refusal(asked)) is not None:
            self._refuse(*refusal)
            return
        self._start(asked)

    def _refusal(self, asked: Create | Resume) -> tuple[str | None, bytes, int] | None:
        """Why ``asked`` is not begun, and the id that is told."""
        # One that has said its last word may still be putting its things away.
        busy = [id for id, answer in self._open.items() if not answer.ended]
        if asked.id in busy:
            error = BadRequest(
                f"{asked.id!r} is being answered: choose another 'id' for every request.",
                param="id",
            )
            # Under its own id it would be the end of the answer that is open.
            return None, body_of(error), error.status
        most = self._settings.socket_answers
        if len(busy) >= most:
            body = error_body(
                f"{most} answers are open on this connection, which is the most: wait for one to"
                " end, or open another connection.",
                RATE_LIMIT,
                code="too_many_answers",
            )
            return asked.id, body, 429
        if drain.begun:
            restarting = ServerRestarting("The server is restarting. Send the request again.")
            return asked.id, body_of(restarting), 503
        return None

    def _start(self, asked: Create | Resume) -> None:
        answer = Answer(asked, self._connection, self._who)
        self._open[asked.id] = answer

        @copy_current_request_context
        def run() -> None:
            try:
                answer.run()
            finally:
                if self._open.get(asked.id) is answer:
                    del self._open[asked.id]
                self._threads.discard(thread)

        thread = threading.Thread(target=run, name="socket answer", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _await_answers(self) -> None:
        give_up_at = time.monotonic() + ENDING_S
        for thread in list(self._threads):
            thread.join(max(give_up_at - time.monotonic(), 0.0))

    def _too_large(self) -> tuple[bytes, int]:
        body = error_body(
            f"The message is larger than {self._settings.body_limit_bytes} bytes. Send less, or in"
            " several requests.",
            INVALID_REQUEST,
            None,
            "request_too_large",
        )
        return body, 413

    def _refuse(self, id: str | None, body: bytes, status: int) -> None:
        self._connection.send(Frames(id).error(body, status))
