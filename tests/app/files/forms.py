"""Forms as clients send them, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient

URL = "/v1/files"
BOUNDARY = "a-boundary-of-these-tests"
TEXT = b'{"custom_id": "1"}\r\n{"custom_id": "2"}\n'


@dataclass(frozen=True, slots=True)
class Part:
    """A field, or a file when it has a filename."""

    name: str
    data: bytes | str
    filename: str | None = None

    def encoded(self) -> bytes:
        """Headers and data."""
        named = "" if self.filename is None else f'; filename="{self.filename}"'
        header = f'Content-Disposition: form-data; name="{self.name}"{named}\r\n\r\n'
        data = self.data.encode() if isinstance(self.data, str) else self.data
        return header.encode() + data


def encoded(*parts: Part, boundary: str = BOUNDARY) -> bytes:
    """The body of a form."""
    mark = f"--{boundary}".encode()
    return b"".join(mark + b"\r\n" + part.encoded() + b"\r\n" for part in parts) + mark + b"--\r\n"


def send(http: FlaskClient, *parts: Part) -> Any:
    """The answer to a form."""
    return http.post(
        URL, data=encoded(*parts), content_type=f"multipart/form-data; boundary={BOUNDARY}"
    )


def upload(http: FlaskClient, data: bytes = TEXT, filename: str = "in.jsonl", **fields: str) -> Any:
    """The answer to an upload for a batch, unless the fields say otherwise."""
    named = {"purpose": "batch"} | fields
    plain = [Part(name, value) for name, value in named.items()]
    return send(http, *plain, Part("file", data, filename))
