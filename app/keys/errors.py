"""What a request without a valid key is told."""

from __future__ import annotations

from collections.abc import Mapping

from app.admin.refusals import AUTHENTICATION, Refused


class WrongKey(Refused):
    """Raised when a request brings no key that is worth something.

    Whether it is missing, unknown, revoked or expired is not told.
    """

    status = 401
    type = AUTHENTICATION
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}

    def __init__(self) -> None:
        super().__init__(
            "The API key is missing or wrong: send it as 'Authorization: Bearer <key>'.",
            code="invalid_api_key",
        )


class ForeignPage(Refused):
    """Raised for a page of another site, in a browser on a machine where no key is asked for."""

    status = 403

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} are not answered without a key: name the page's origin in"
            " MILLRACE_CORS_ORIGINS, or set MILLRACE_API_KEY. Behind a proxy that asks for keys"
            " itself, set MILLRACE_AUTH=open.",
            code="origin_not_allowed",
        )
