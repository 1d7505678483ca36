"""The request's body, bounded however it is sent."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge


def read_body() -> bytes:
    """All of the body; 413 when it is larger than the limit."""
    body = request.get_data(cache=False)
    limit = request.max_content_length
    # A body in chunks announces no length, and Werkzeug ends it at the limit without a word.
    if request.content_length is None and limit is not None and len(body) >= limit:
        raise RequestEntityTooLarge
    return body
