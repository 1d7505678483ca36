"""Pages of strangers at ``/live``, where no key is asked for."""

from __future__ import annotations

import pytest

from app.keys.errors import ForeignPage
from app.routes.live import _admit
from tests.app.keys.conftest import API_KEY, Build, bearer, build

__all__ = ["build"]

REBOUND = {
    "base_url": "http://evil.example:8000",
    "headers": {"Origin": "http://evil.example:8000"},
}


def test_a_name_that_leads_here_since_a_moment_ago_is_shown_nothing(build: Build) -> None:
    """DNS rebinding: to the browser the page and this server are one."""
    app = build().application
    with app.test_request_context("/live", **REBOUND), pytest.raises(ForeignPage):
        _admit("")
    with app.test_request_context("/live", base_url="http://127.0.0.1:8000"):
        assert not _admit("").admin


def test_who_brings_a_key_is_no_stranger(build: Build) -> None:
    """A page that was rebound has none."""
    app = build(api_key=API_KEY).application
    with app.test_request_context("/live", **REBOUND):
        assert _admit(bearer(API_KEY)["Authorization"]).key is not None
