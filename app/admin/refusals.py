"""What the admin API refuses for other reasons than a request's form."""

from __future__ import annotations

from collections.abc import Mapping

from app.openai.errors import INVALID_REQUEST, UNAVAILABLE, error_body

AUTHENTICATION = "authentication_error"


class Refused(Exception):
    """Raised when a request is in order, and is not done all the same."""

    status = 409
    type = INVALID_REQUEST
    # Official clients try a 409 again by themselves: here it would be refused again.
    headers: Mapping[str, str] = {"x-should-retry": "false"}

    def __init__(self, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param

    @property
    def body(self) -> bytes:
        """The error object."""
        return error_body(self.message, self.type, self.param, self.code)


class Conflict(Refused):
    """Raised when what is asked goes against how things stand."""


class AdminDisabled(Refused):
    """Raised while there is no key that anybody could send."""

    status = 403

    def __init__(self) -> None:
        super().__init__(
            "There is no admin key here: set MILLRACE_ADMIN_KEY (at least 16 characters) for the"
            " API and start it again. The command line needs none: `millrace models`.",
            code="admin_disabled",
        )


class WrongKey(Refused):
    """Raised when a request brings no admin key, or another one; which of them is not told."""

    status = 401
    type = AUTHENTICATION
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="millrace admin"'}

    def __init__(self) -> None:
        super().__init__(
            "The admin key is missing or wrong: send it as 'Authorization: Bearer <key>'.",
            code="invalid_api_key",
        )


class CacheAway(Refused):
    """Raised when the cache's server does not do what is asked for; ``deleted`` entries went."""

    status = 503
    type = UNAVAILABLE
    headers: Mapping[str, str] = {"Retry-After": "2"}

    def __init__(self, deleted: int) -> None:
        super().__init__(
            f"The cache's Redis does not answer: {deleted} entries are deleted, and others may be"
            " left. Requests are served without it; send this again once it is back.",
            code="cache_unavailable",
        )
