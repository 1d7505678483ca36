"""CORS: nothing unless it is set, and then as much as a page needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError

from app import create_app
from app.origins import origins_of
from app.settings import ApiSettings
from tasks.gateway import Gateway
from tasks.settings import QueueSettings

PAGE = "https://chat.example"
OTHER = "https://evil.example"
KEY = "the-key-of-these-tests"

Build = Callable[..., FlaskClient]


@pytest.fixture
def build(settings: QueueSettings, gateway: Gateway) -> Build:
    """A client of an application with these origins."""

    def build(origins: str, **changes: Any) -> FlaskClient:
        fields = settings.model_dump() | {"cors_origins": origins} | changes
        return create_app(ApiSettings.model_validate(fields), gateway).test_client()

    return build


def preflight(http: FlaskClient, url: str, origin: str = PAGE, **headers: str) -> Any:
    """What a browser asks before a POST with JSON and a key."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    return http.options(url, headers=asked | headers)


def allowed(response: Any) -> str | None:
    """Whose page may read the answer."""
    found: str | None = response.headers.get("Access-Control-Allow-Origin")
    return found


@pytest.mark.parametrize("url", ["/v1/models", "/v1/nothing", "/health"])
def test_without_the_setting_nothing_is_said(build: Build, url: str) -> None:
    """No page of another origin reads anything."""
    http = build("")
    for response in (http.get(url, headers={"Origin": PAGE}), preflight(http, url)):
        assert [name for name in dict(response.headers) if "Access-Control" in name] == []


@pytest.mark.parametrize(
    "url", ["/v1/chat/completions", "/v1/jobs/x", "/v1/files", "/v1/batches", "/tokenize"]
)
def test_a_preflight_is_answered_without_a_key(build: Build, url: str) -> None:
    """A browser sends none with it; it allows the headers that were asked for."""
    response = preflight(build(f"{PAGE},http://localhost:3000", api_key=KEY), url)
    assert response.status_code == 204
    assert allowed(response) == PAGE
    assert response.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    for method in ("GET", "POST", "DELETE"):
        assert method in response.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_an_answer_may_be_read_with_its_headers(build: Build) -> None:
    """Errors too, or a page could not tell why: here a 401."""
    http = build(PAGE, api_key=KEY)
    for headers in ({}, {"Authorization": f"Bearer {KEY}"}):
        response = http.get("/v1/models", headers={"Origin": PAGE} | headers)
        assert allowed(response) == PAGE
        exposed = response.headers["Access-Control-Expose-Headers"]
        for name in ("x-request-id", "x-ratelimit-remaining-tokens", "x-cache", "retry-after"):
            assert name in exposed
        assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize(
    "origin",
    [OTHER, f"{PAGE}.evil.example", f"{PAGE}:8443", "http://chat.example", "null", "*", ""],
)
def test_other_pages_are_not_allowed(build: Build, origin: str) -> None:
    """Not even those whose name begins alike; and caches are told that it depends."""
    http = build(PAGE)
    for response in (
        http.get("/v1/models", headers={"Origin": origin}),
        preflight(http, "/v1/chat/completions", origin),
    ):
        assert allowed(response) is None
        assert "Origin" in response.headers["Vary"]


def test_a_star_is_anybody(build: Build) -> None:
    """Also a page from a file, whose origin is null."""
    http = build("*")
    for origin in (PAGE, "null"):
        assert allowed(http.get("/v1/models", headers={"Origin": origin})) == "*"


def test_the_admin_api_is_left_out(build: Build) -> None:
    """Its page is of the same origin."""
    http = build("*", admin_key=KEY)
    asked = {"Origin": PAGE, "Authorization": f"Bearer {KEY}"}
    assert allowed(http.get("/admin/keys", headers=asked)) is None
    assert allowed(preflight(http, "/admin/keys")) is None


def test_a_name_of_a_header_that_is_none_is_not_repeated(build: Build) -> None:
    """What comes back is a list of names, whatever was sent."""
    http = build("*")
    for names in ("a b", "x" * 10 + "\t", "a,,b", "ö", "a;b", ", ".join(["a"] * 100)):
        response = preflight(http, "/v1/files", **{"Access-Control-Request-Headers": names})
        assert "Access-Control-Allow-Headers" not in response.headers


def test_a_page_of_the_internet_may_reach_a_private_network_if_it_is_named(build: Build) -> None:
    """Browsers ask for it apart."""
    asked = {"Access-Control-Request-Private-Network": "true"}
    name = "Access-Control-Allow-Private-Network"
    assert preflight(build(PAGE), "/v1/files", **asked).headers[name] == "true"
    assert name not in preflight(build(PAGE), "/v1/files", OTHER, **asked).headers


@pytest.mark.parametrize(
    "setting",
    ["chat.example", "https://chat.example/", "https://a b", "https://", "https://*.example", "x"],
)
def test_a_setting_that_is_no_origin_stops_the_start(setting: str) -> None:
    """The error names the variable and shows how it is written."""
    with pytest.raises(ValidationError, match="MILLRACE_CORS_ORIGINS must be"):
        ApiSettings(cors_origins=setting)


def test_origins_are_told_apart_by_commas_and_not_by_case() -> None:
    """Browsers send them in small letters."""
    listed = " https://Chat.example , http://localhost:3000,,"
    assert origins_of(listed) == {"https://chat.example", "http://localhost:3000"}
