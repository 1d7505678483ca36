"""The admin key: asked for before anything else, and told to nobody."""

from __future__ import annotations

import hmac
import io
import logging
from typing import Any

import pytest
from flask import Flask
from pydantic import SecretStr, ValidationError

from app import create_app
from app.admin.key import AdminKey
from app.admin.refusals import WrongKey
from app.settings import ApiSettings
from tasks.gateway import Gateway
from tests.app.admin.box import KEY, Operator

ROUTES = [
    ("GET", "/admin/models"),
    ("GET", "/admin/models/echo"),
    ("GET", "/admin/models/nobody"),
    ("POST", "/admin/models/load"),
    ("POST", "/admin/models/unload"),
    ("GET", "/admin/nodes"),
    ("GET", "/admin/queues"),
    ("GET", "/admin/slots"),
    ("GET", "/admin/cache"),
    ("DELETE", "/admin/cache"),
    ("HEAD", "/admin/models"),
    ("OPTIONS", "/admin/models/load"),
]
WRONG = [
    None,
    "",
    "Bearer",
    "Bearer ",
    f"Bearer {KEY}x",
    f"Bearer {KEY[:-1]}",
    f"Bearer {KEY.upper()}",
    f"Bearer {KEY} {KEY}",
    f"Basic {KEY}",
    KEY,
    "Bearer \xff\xfe",
]


def asked(flask: Flask, method: str, url: str, sent: str | None) -> Any:
    """The answer to a request with this header."""
    headers = {} if sent is None else {"Authorization": sent}
    return flask.test_client().open(url, method=method, headers=headers)


@pytest.mark.parametrize(("method", "url"), ROUTES)
def test_no_route_answers_without_the_key(flask: Flask, method: str, url: str) -> None:
    """401 in OpenAI's shape, whatever the route and whether or not there is such a model."""
    response = asked(flask, method, url, None)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    if method != "HEAD":
        error = response.json["error"]
        assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")


def test_nobody_learns_how_wrong_a_key_is(flask: Flask) -> None:
    """Missing, malformed and almost right: the same bytes for all of them."""
    bodies = {asked(flask, "GET", "/admin/models", sent).data for sent in WRONG}
    statuses = {asked(flask, "GET", "/admin/nodes", sent).status_code for sent in WRONG}
    assert (len(bodies), statuses) == (1, {401})


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_key_opens(flask: Flask, scheme: str) -> None:
    """The scheme's case does not matter."""
    assert asked(flask, "GET", "/admin/models", f"{scheme} {KEY}").status_code == 200


def test_without_a_key_there_is_no_admin_api(api_settings: ApiSettings, gateway: Gateway) -> None:
    """403 that names the variable, with and without a header."""
    flask = create_app(api_settings.model_copy(update={"admin_key": None}), gateway)
    for sent in (None, f"Bearer {KEY}", "Bearer "):
        response = asked(flask, "POST", "/admin/models/load", sent)
        assert response.status_code == 403
        assert response.json["error"]["code"] == "admin_disabled"
        assert "MILLRACE_ADMIN_KEY" in response.json["error"]["message"]


def test_the_body_is_not_read_before_the_key(flask: Flask) -> None:
    """A stranger's body costs nothing, however large or broken it is."""

    body = io.BytesIO(b"[" * 1_000)
    response = flask.test_client().post(
        "/admin/models/load", input_stream=body, content_length=10**9
    )
    assert response.status_code == 401
    assert body.tell() == 0


@pytest.mark.parametrize("sent", WRONG[1:])
def test_digests_are_compared_and_in_constant_time(
    monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    """Every header, also one without a key, ends in one comparison of two digests of 32 bytes."""
    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def spy(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr("app.admin.key.hmac.compare_digest", spy)
    with pytest.raises(WrongKey):
        AdminKey(SecretStr(KEY)).check(sent)
    assert compared == [(32, 32)]


@pytest.mark.parametrize(
    "key", ["short", "fifteen-letters", "sixteen letters!", "schlüssel-schlüssel"]
)
def test_a_key_that_could_be_guessed_or_not_be_sent_stops_the_start(key: str) -> None:
    """The error names the variable and what is wanted, and does not show what was given."""
    with pytest.raises(ValidationError) as refused:
        ApiSettings(admin_key=SecretStr(key))
    said = str(refused.value)
    assert "MILLRACE_ADMIN_KEY must have at least 16 characters" in said
    assert key not in said


def test_an_empty_key_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """As everywhere in the environment."""
    monkeypatch.setenv("MILLRACE_ADMIN_KEY", "")
    assert ApiSettings().admin_key is None


def test_the_key_is_in_no_log_and_no_settings_text(
    operator: Operator, api_settings: ApiSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither when it is right nor when it is almost right."""
    caplog.set_level(logging.DEBUG)
    operator.load("echo")
    operator.http.get("/admin/models", headers={"Authorization": f"Bearer {KEY}x"})
    assert "admin load" in caplog.text
    assert "admin key refused" in caplog.text
    assert KEY not in caplog.text
    assert KEY not in repr(api_settings)
    assert KEY not in str(api_settings.model_dump())
