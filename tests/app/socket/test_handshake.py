"""Which pages may open a connection."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import Headers

from app.socket.handshake import ForeignOrigin, check_origin


@pytest.mark.parametrize("origin", ["http://[", "null", "", "https://evil.example"])
def test_an_origin_that_is_not_this_server_is_refused(origin: str) -> None:
    """Also one that cannot be read: it is no fault of the server's."""
    with pytest.raises(ForeignOrigin):
        check_origin(Headers({"Origin": origin, "Host": "127.0.0.1:8000"}), ())
