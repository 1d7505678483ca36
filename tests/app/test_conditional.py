"""Conditions on what a client has already: as HTTP has them, refused in the shape of all errors."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

URL = "/openapi.json"


def test_who_has_it_is_not_sent_it_again(http: FlaskClient) -> None:
    """304 and no body."""
    tag = http.get(URL).headers["ETag"]
    again = http.get(URL, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


def test_what_is_another_is_a_412_without_it(http: FlaskClient) -> None:
    """Nothing of what was not to be sent is sent."""
    refused = http.get(URL, headers={"If-Match": '"another"'})
    assert refused.status_code == 412
    assert refused.get_json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("any_one", [True, False])
def test_what_matches_is_sent(http: FlaskClient, any_one: bool) -> None:
    """By its tag, and by the star that every answer matches."""
    first = http.get(URL)
    asked = "*" if any_one else first.headers["ETag"]
    matched = http.get(URL, headers={"If-Match": asked})
    assert (matched.status_code, matched.data) == (200, first.data)
