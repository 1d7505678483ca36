"""One try to deliver one event: resolved, pinned, signed, posted; what came of it is an outcome."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

import httpcore2

from app.outbound.address import AllowedHosts, Forbidden, Target, parse_url, resolve
from app.outbound.pinned import CONNECT_S, Deadline, PinnedBackend
from app.webhooks.events import EndEvent
from app.webhooks.signing import signed_headers

# Standard Webhooks: a receiver should answer within 15 s, and work afterwards.
TOTAL_S = 15.0
# Enough for any word of thanks; the rest is not read.
ANSWER_BYTES = 16 * 1024
GONE = 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try. ``why`` is for the log: neither the URL's path nor the answer."""

    kind: Literal["delivered", "failed", "refused"]
    """``failed`` may go well later; ``refused`` will not, and is not tried again."""
    why: str
    status: int | None = None
    retry_after_s: float | None = None


def deliver(url: str, event: EndEvent, key: bytes, allowed: AllowedHosts) -> Outcome:
    """Post ``event`` to ``url``, within ``TOTAL_S`` after its host was resolved; never raises."""
    try:
        target = parse_url(url)
        addresses = resolve(target, allowed)
    except Forbidden as refusal:
        return Outcome("refused", str(refusal))
    except (OSError, UnicodeError):
        return Outcome("failed", "the host does not resolve")
    try:
        return _post(target, addresses, event, key)
    except (httpcore2.NetworkError, OSError) as error:
        # Refused, reset, or a certificate that does not hold: what the operator must know.
        return Outcome("failed", f"no connection: {error}"[:200])
    except (httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
        # Not its text, which may quote the answer.
        return Outcome("failed", type(error).__name__)


def _post(target: Target, addresses: list[str], event: EndEvent, key: bytes) -> Outcome:
    body = event.body()
    headers = [
        ("Host", target.authority),
        ("Content-Type", "application/json"),
        ("User-Agent", "Millrace"),
        ("Connection", "close"),
        *signed_headers(key, event.id, body, int(time.time())).items(),
    ]
    url = httpcore2.URL(
        scheme=target.scheme, host=target.host, port=target.port, target=target.path
    )
    backend = PinnedBackend(addresses, Deadline(TOTAL_S))
    timeouts = {"connect": CONNECT_S}
    # Without a context of ours it trusts what the system trusts, or SSL_CERT_FILE.
    with (
        httpcore2.ConnectionPool(network_backend=backend) as pool,
        pool.stream(
            "POST", url, headers=headers, content=body, extensions={"timeout": timeouts}
        ) as response,
    ):
        _read_some(response)
        return outcome_of(response.status, _header(response, b"retry-after"), time.time())


def outcome_of(status: int, retry_after: str | None, now_s: float) -> Outcome:
    """What an answer means: 2xx is delivered, 410 wants no more, all else may go well later.

    A redirect is a failure: it would lead where nothing was checked.
    """
    if 200 <= status < 300:
        return Outcome("delivered", "delivered", status)
    if status == GONE:
        return Outcome("refused", "the receiver answers 410 Gone", status)
    return Outcome("failed", f"the receiver answers {status}", status, _seconds(retry_after, now_s))


def _read_some(response: httpcore2.Response) -> None:
    """Take a short answer whole, so that its sender sees no broken connection."""
    taken = 0
    try:
        for part in response.iter_stream():
            taken += len(part)
            if taken > ANSWER_BYTES:
                return
    except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError):
        # The status has arrived, and it is the answer.
        return


def _header(response: httpcore2.Response, name: bytes) -> str | None:
    return next(
        (value.decode("latin-1") for key, value in response.headers if key.lower() == name), None
    )


def _seconds(retry_after: str | None, now_s: float) -> float | None:
    """Seconds from now, of a header that holds seconds or a date; None for any other."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now_s)
    except (ValueError, OverflowError):
        return None
