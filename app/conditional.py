"""Answers to whoever has one already: not sent again when it is the same, or in part.

Werkzeug answers an ``If-Match`` that does not hold with a 412 and the whole body, and takes ``*``
for a name that no answer bears: what has to be refused is refused here, as everything else is.
"""

from __future__ import annotations

from flask import Response, request
from werkzeug.exceptions import PreconditionFailed


def made_conditional(response: Response, *, complete_length: int | None = None) -> Response:
    """The answer, which has an entity tag, as its request's conditions want it.

    ``complete_length`` is that of a body of which a ``Range`` may ask a part. Raises
    ``PreconditionFailed`` and ``RequestedRangeNotSatisfiable``.
    """
    tag, _ = response.get_etag()
    if request.if_match and (tag is None or tag not in request.if_match):
        raise PreconditionFailed("The condition of 'If-Match' does not hold: this is another.")
    asked = {key: value for key, value in request.environ.items() if key != "HTTP_IF_MATCH"}
    response.make_conditional(
        asked, accept_ranges=complete_length is not None, complete_length=complete_length
    )
    return response
