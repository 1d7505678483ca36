"""An image behind an ``https:`` URL, got as carefully as a webhook is sent.

Off unless the operator switches it on. The host is resolved once, each of its addresses must be
public, and the connection goes to one of those (``app.outbound``). A redirect is refused: it would
lead where nothing was checked. What is read ends at the limit of bytes and at the deadline.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpcore2

from app.images.data_url import too_large
from app.images.refusal import ImageRefused
from app.outbound.address import AllowedHosts, Forbidden, Target, parse_url, resolve
from app.outbound.pinned import CONNECT_S, Deadline, PinnedBackend

TOTAL_S = 10.0
_INSTEAD = "send the file itself, as a data URL"


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Gets images of ``https:`` URLs; ``allowed`` are hosts that may be private ones."""

    allowed: AllowedHosts
    total_s: float = TOTAL_S

    def get(self, url: str, most_bytes: int) -> bytes:
        """The file at ``url``, within ``total_s`` after its host was resolved."""
        target, addresses = self._resolved(url)
        try:
            return self._download(target, addresses, most_bytes)
        except (httpcore2.TimeoutException, TimeoutError):
            raise _failed(f"its server did not send it within {self.total_s:g} s") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError):
            # Not the error's text: it would tell what stands behind a port.
            raise _failed("its server could not be reached or understood") from None

    def _resolved(self, url: str) -> tuple[Target, list[str]]:
        try:
            target = _https(url)
            return target, resolve(target, self.allowed)
        except Forbidden as refusal:
            reason = f"nothing is fetched from this URL: {refusal}; or {_INSTEAD}"
            raise ImageRefused("invalid_image_url", reason) from None
        except (OSError, UnicodeError):
            raise _failed("its host does not resolve") from None

    def _download(self, target: Target, addresses: list[str], most_bytes: int) -> bytes:
        headers = [
            ("Host", target.authority),
            ("User-Agent", "Millrace"),
            ("Accept", "image/png, image/jpeg, image/webp, image/gif"),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ]
        url = httpcore2.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        backend = PinnedBackend(addresses, Deadline(self.total_s))
        # Without a context of ours it trusts what the system trusts, or SSL_CERT_FILE.
        with (
            httpcore2.ConnectionPool(network_backend=backend) as pool,
            pool.stream(
                "GET", url, headers=headers, extensions={"timeout": {"connect": CONNECT_S}}
            ) as response,
        ):
            _check_status(response.status)
            return _body(response, most_bytes)


def _https(url: str) -> Target:
    target = parse_url(url)
    if target.scheme != "https":
        raise Forbidden("use an https URL")
    return target


def _check_status(status: int) -> None:
    if 300 <= status < 400:
        raise _failed(f"its server answers {status}, and redirects are not followed")
    if status != 200:
        raise _failed(f"its server answers {status}")


def _body(response: httpcore2.Response, most_bytes: int) -> bytes:
    stated = next((v for k, v in response.headers if k.lower() == b"content-length"), b"")
    if stated.isdigit() and int(stated) > most_bytes:
        raise too_large(int(stated), most_bytes)
    taken = bytearray()
    for part in response.iter_stream():
        taken += part
        if len(taken) > most_bytes:
            raise too_large(len(taken), most_bytes)
    return bytes(taken)


def _failed(reason: str) -> ImageRefused:
    return ImageRefused("image_fetch_failed", f"{reason}: {_INSTEAD}")
