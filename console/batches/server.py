"""The API over HTTP: asked again where that may help, for a while, and as it asks for itself.

What breaks on the way, 429 and the 5xx of a busy server or proxy pass. A request that makes a
batch is another matter: it is repeated only where the answer says that it was not taken (429, 503);
where none came, ``Doubtful`` leaves it to the caller to look.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

import httpx2
import msgspec

from console.batches.faults import Doubtful, NotReached, Refused
from console.place import complain
from console.wording import one_line, span

# Between attempts; half of each is left to chance, so that many clients do not come together.
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0)
# One that has never answered is probably another: no use in waiting for it long.
PAUSES_OF_A_STRANGER_S = PAUSES_S[:2]
LONGEST_WAIT_S = 120.0

NOT_TAKEN = frozenset({429, 503})
PASSING = frozenset({408, 429, 502, 503, 504})

# The answer to an upload comes when its bytes are stored, wherever that is.
_TIMEOUT = httpx2.Timeout(connect=5.0, read=120.0, write=60.0, pool=5.0)
_STRETCH = 1 << 20


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    code: str | None = None


class _ErrorBody(msgspec.Struct, frozen=True):
    error: _Error


class Server:
    """An API. ``note`` hears of what is asked again, in a line."""

    def __init__(self, url: str, key: str, note: Callable[[str], None] = complain) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.url = url
        self.note = note
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=_TIMEOUT)
        self._met = False

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def get(self, path: str, *, patient: bool = True, **params: str | int) -> bytes:
        """What is found there; not ``patient`` is asked once only."""
        return self._asked("GET", path, patient=patient, params=params)

    def post(self, path: str, document: Any | None = None, *, twice: bool = True) -> bytes:
        """The answer to a document; ``twice`` says that it may be taken twice."""
        content = b"" if document is None else msgspec.json.encode(document)
        headers = {"Content-Type": "application/json"} if content else {}
        return self._asked("POST", path, twice=twice, content=content, headers=headers)

    def upload(self, path: str, file: BinaryIO, name: str, **fields: str) -> bytes:
        """The answer to a file, which is streamed; taken twice it is two files."""
        files = {"file": (name, file, "application/jsonl")}
        return self._asked("POST", path, data=fields, files=files)

    def download(self, path: str, into: BinaryIO) -> int:
        """Write what is found there to a file that can seek, where it stands; its bytes."""
        start = into.tell()

        def take() -> httpx2.Response:
            into.seek(start)
            into.truncate()
            with self._http.stream("GET", path) as response:
                if response.status_code != 200:
                    response.read()
                    return response
                for stretch in response.iter_bytes(_STRETCH):
                    into.write(stretch)
            return response

        self._repeated(take, twice=True, patient=True)
        return into.tell() - start

    def _asked(
        self, method: str, path: str, *, twice: bool = True, patient: bool = True, **given: Any
    ) -> bytes:
        answer = self._repeated(
            lambda: self._http.request(method, path, **given), twice=twice, patient=patient
        )
        return answer.content

    def _repeated(
        self, ask: Callable[[], httpx2.Response], *, twice: bool, patient: bool
    ) -> httpx2.Response:
        failures = 0
        while True:
            try:
                response = ask()
            except httpx2.TransportError as error:
                reason = str(error) or type(error).__name__
                # What was never connected was never sent.
                if not twice and not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                    raise Doubtful(f"{self.url} did not answer ({reason}).") from error
                wait_s, reached = None, False
            else:
                if response.status_code < 300:
                    self._met = True
                    return response
                if not _may_pass(response, NOT_TAKEN if not twice else PASSING):
                    raise _refusal(response)
                reason, wait_s, reached = _said(response), asked_wait_s(response.headers), True
            self._met = self._met or reached
            pauses_s = PAUSES_S if self._met else PAUSES_OF_A_STRANGER_S
            if failures == len(pauses_s) or not patient:
                raise NotReached(self._given_up(reason, reached))
            pause_s = pauses_s[failures] * random.uniform(0.5, 1) if wait_s is None else wait_s
            failures += 1
            if pause_s >= 1:
                self.note(f"{one_line(reason)}; asked again in {span(pause_s)}")
            time.sleep(pause_s)

    def _given_up(self, reason: str, reached: bool) -> str:
        reason = reason.rstrip(".")
        if reached:
            return f"{self.url} is busy: {reason}."
        return (
            f"Cannot reach the API at {self.url} ({reason}). Start it with `millrace up`, or say"
            " where it is with --url or MILLRACE_URL."
        )


def asked_wait_s(headers: httpx2.Headers) -> float | None:
    """How long the answer asks to wait, two minutes at most; None when it does not say."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return min(max(float(headers[name]) * unit_s, 0.0), LONGEST_WAIT_S)
        except (KeyError, ValueError):
            continue
    try:
        until = parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return min(max((until - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT_S)


def _may_pass(response: httpx2.Response, statuses: frozenset[int]) -> bool:
    return response.status_code in statuses and response.headers.get("x-should-retry") != "false"


def _refusal(response: httpx2.Response) -> Refused:
    code = ""
    if error := _error(response):
        code = error.code or ""
    return Refused(_said(response), http_status=response.status_code, code=code)


def _said(response: httpx2.Response) -> str:
    """The error's own words, or the status where it has none."""
    error = _error(response)
    if error is not None and error.message:
        return error.message
    return f"{response.request.url.path} answered with status {response.status_code}."


def _error(response: httpx2.Response) -> _Error | None:
    try:
        return msgspec.json.decode(response.content, type=_ErrorBody).error
    except msgspec.DecodeError:
        return None
