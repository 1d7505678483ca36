"""A client behind a load balancer: what one API does not take, the other gets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from faults.client import CHAT, Client
from faults.stream import Stream

RESTARTING = "server_restarting"
PAUSE_S = 0.2
GONE = frozenset({404, 410})
RESUMABLE = {"Millrace-Resume": "60"}


class Course:
    """One streamed answer, to its end, however often it is interrupted.

    ``refusals`` are the statuses of 500 and above that were answered, ``cuts`` the interruptions
    that were no orderly ending, ``resumed`` says how often it was taken up again.
    """

    def __init__(self, client: Client, body: Mapping[str, Any], api: int) -> None:
        self._client = client
        self._body = body
        self._api = api
        self.refusals: list[int] = []
        self.cuts: list[str] = []
        self.resumed = 0
        self.stream: Stream | None = None

    @property
    def whole(self) -> bool:
        """Whether the answer came to its end."""
        return self.stream is not None and self.stream.whole

    def run(self, within_s: float) -> None:
        """Ask, and come back until the answer is whole or time is up."""
        give_up_at = time.monotonic() + within_s
        while not self.whole and time.monotonic() < give_up_at:
            stream = self._next()
            stream.wait_over(max(give_up_at - time.monotonic(), 0.1))
            if stream.status >= 500:
                self.refusals.append(stream.status)
            elif stream.status in GONE or code_of(stream) not in {None, RESTARTING}:
                return  # there is no more of it
            elif stream.broken and stream.status:
                self.cuts.append(stream.ending)
            if not stream.whole:
                time.sleep(PAUSE_S)
                self._api = self._client.next_api(self._api)

    def _next(self) -> Stream:
        if self.stream is not None and self.stream.job_id:
            self._client.resume(self.stream, self._api)
            self.resumed += 1
        else:
            self.stream = self._client.stream(self._body, CHAT, headers=RESUMABLE, api=self._api)
        return self.stream


def code_of(stream: Stream) -> str | None:
    """The code of the error that the stream ended with; None when it was none."""
    error = stream.reader.error
    return str(error.get("code")) if error is not None else None
