"""Who may open a connection: what a browser cannot say in headers, and which pages may ask at all.

The same-origin policy does not hold for WebSockets: any page that a person looks at may connect to
the server on their machine. Its ``Origin`` says so, which a page cannot forge.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers

from app.openai.errors import BadRequest
from app.origins import ANY

SUBPROTOCOL = "millrace.chat"
"""What a client that offers subprotocols is answered: a browser insists on one that it offered."""
KEY_SUBPROTOCOL = "millrace.key."
"""A browser sets no headers here: it offers its key as a subprotocol, behind these letters."""


class ForeignOrigin(BadRequest):
    """Raised when a page of another site opens a connection."""

    status = 403

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"Pages of {origin!r} may not connect: name that origin in MILLRACE_CORS_ORIGINS.",
            param="Origin",
            code="origin_not_allowed",
        )


def authorization_of(headers: Headers) -> str:
    """The header ``Authorization``, or what it would be for the key among the subprotocols."""
    said = headers.get("Authorization", "")
    if said:
        return said
    for offered in headers.get("Sec-WebSocket-Protocol", "").split(","):
        if offered.strip().startswith(KEY_SUBPROTOCOL):
            return f"Bearer {offered.strip().removeprefix(KEY_SUBPROTOCOL)}"
    return ""


def check_origin(headers: Headers, allowed: Iterable[str]) -> None:
    """Raise ``ForeignOrigin`` for a page that is neither this server's nor one of ``allowed``."""
    origin = headers.get("Origin")
    if origin is None or _place_of(origin) == headers.get("Host"):
        return
    if not {ANY, origin.lower()} & set(allowed):
        raise ForeignOrigin(origin[:200])


def _place_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None  # no origin at all, as "http://["
