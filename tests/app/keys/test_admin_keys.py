"""``/admin/keys``: made, shown once, listed and revoked."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from tests.app.keys.conftest import ADMIN_KEY, Build, bearer

ADMIN = bearer(ADMIN_KEY)


@pytest.fixture
def http(build: Build) -> Any:
    """An API with an admin key."""
    return build(admin_key=ADMIN_KEY)


def create(http: Any, **body: Any) -> Any:
    """The answer to an order."""
    return http.post("/admin/keys", json={"owner": "alice"} | body, headers=ADMIN)


def test_a_key_is_shown_once(http: Any) -> None:
    """To whoever made it, who is told not to keep the answer; never in a listing."""
    made = create(http, name="laptop", models=["echo"], requests_per_minute=5, priority="batch")
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    secret = made.json.pop("key")
    assert http.get("/v1/models", headers=bearer(secret)).status_code == 200
    listed = http.get("/admin/keys", headers=ADMIN)
    expected = {each: value for each, value in made.json.items() if each != "key"}
    assert listed.json["data"] == [expected]
    assert secret not in listed.text
    assert expected["hint"] == secret[-4:]
    assert expected["owner"] == "alice"
    assert (expected["priority"], expected["models"]) == ("batch", ["echo"])
    shown = http.get(f"/admin/keys/{expected['id']}", headers=ADMIN)
    assert shown.json == expected


def test_a_revoked_key_is_refused_within_a_second(http: Any) -> None:
    """In the process that has just served it."""
    made = create(http).json
    assert http.get("/v1/models", headers=bearer(made["key"])).status_code == 200
    gone = http.delete(f"/admin/keys/{made['id']}", headers=ADMIN)
    assert gone.json == {"object": "api_key.deleted", "id": made["id"], "deleted": True}
    time.sleep(0.95)
    assert http.get("/v1/models", headers=bearer(made["key"])).status_code == 401
    assert http.get("/admin/keys", headers=ADMIN).json["data"] == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("key_id", ["key_1", "asked_since", "x" * 5_000, "%00", "ö", "admin"])
def test_a_key_that_is_not_there_is_a_404(http: Any, method: str, key_id: str) -> None:
    """Whatever is asked for; what the environment says cannot be revoked either."""
    create(http)
    response = http.open(f"/admin/keys/{key_id}", method=method, headers=ADMIN)
    assert response.status_code == 404
    assert response.json["error"]["code"] == "key_not_found"
    assert len(http.get("/admin/keys", headers=ADMIN).json["data"]) == 1


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"owner": None}, "owner"),
        ({"owner": ""}, "owner"),
        ({"owner": "a b"}, "owner"),
        ({"owner": "a" * 65}, "owner"),
        ({"owner": 5}, "owner"),
        ({"name": "x" * 101}, "name"),
        ({"name": "\u001b[2J"}, "name"),
        ({"models": "echo"}, "models"),
        ({"models": ["echo", "nothing"]}, "models[1]"),
        ({"models": ["echo"] * 101}, "models"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"requests_per_minute": 2**31}, "requests_per_minute"),
        ({"requests_per_minute": "5"}, "requests_per_minute"),
        ({"tokens_per_minute": 1.5}, "tokens_per_minute"),
        ({"most_open": -1}, "most_open"),
        ({"most_open": True}, "most_open"),
        ({"priority": "urgent"}, "priority"),
        ({"priority": 0}, "priority"),
        ({"expires_after_s": 0}, "expires_after_s"),
        ({"expires_after_s": 10**12}, "expires_after_s"),
        ({"request_per_minute": 5}, "request_per_minute"),
        ({"id": "key_mine"}, "id"),
        ({"hint": "aaaa"}, "hint"),
        ({"expires_at": 5}, "expires_at"),
    ],
)
def test_a_fault_is_named_and_makes_no_key(http: Any, body: dict[str, Any], param: str) -> None:
    """A 400 with the field; a mistyped limit would be none."""
    response = create(http, **body)
    assert response.status_code == 400, response.text
    assert response.json["error"]["param"] == param
    assert http.get("/admin/keys", headers=ADMIN).json["data"] == []
    assert http.get("/v1/models").status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"owner":"a"', b"\xff", b'"a"'])
def test_a_body_that_is_no_order_is_a_400(http: Any, body: bytes) -> None:
    """As everywhere."""
    assert http.post("/admin/keys", data=body, headers=ADMIN).status_code == 400


def test_an_order_is_small(http: Any) -> None:
    """413 beyond 64 KiB."""
    body = b'{"owner":"' + b"a" * 70_000 + b'"}'
    assert http.post("/admin/keys", data=body, headers=ADMIN).status_code == 413


def test_an_expired_key_is_listed_as_such(http: Any) -> None:
    """Until somebody revokes it."""
    made = create(http, expires_after_s=1).json
    assert made["expires_at"] - made["created_at"] in (1, 2)
    assert not made["expired"]
    time.sleep(1.1)
    [listed] = http.get("/admin/keys", headers=ADMIN).json["data"]
    assert listed["expired"]
    assert http.get("/v1/models", headers=bearer(made["key"])).status_code == 401


def test_an_alias_stands_for_its_model_once(http: Any) -> None:
    """What is kept are names."""
    assert create(http, models=["echo", "echo"]).json["models"] == ["echo"]


def test_the_log_says_who_made_and_revoked_what(
    http: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """By the key's id; the key itself is not in it."""
    caplog.set_level(logging.DEBUG)
    made = create(http, name="secret-name").json
    http.delete(f"/admin/keys/{made['id']}", headers=ADMIN)
    assert "api key created" in caplog.text
    assert "api key revoked" in caplog.text
    assert made["id"] in caplog.text
    assert made["key"] not in caplog.text
    assert ADMIN_KEY not in caplog.text
