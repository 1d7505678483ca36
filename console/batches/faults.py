"""What ends a ``millrace batch`` early, each with the status that the command ends with."""

from __future__ import annotations

from console.place import REFUSED, UNREACHABLE


class Ended(Exception):
    """Raised, with a line that says why, when a command cannot go on."""

    status = REFUSED


class Unusable(Ended):
    """Raised for settings, arguments and files that cannot be used."""

    status = UNREACHABLE


class NotReached(Ended):
    """Raised when the API did not answer, or was busy for too long."""

    status = UNREACHABLE


class Doubtful(NotReached):
    """Raised when a request that must not be made twice was sent, and no answer came."""


class Refused(Ended):
    """Raised when the API answered with an error; ``code`` is OpenAI's, '' where there is none."""

    def __init__(self, message: str, *, http_status: int, code: str = "") -> None:
        super().__init__(message)
        self.http_status = http_status
        self.code = code
