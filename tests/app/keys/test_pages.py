"""Pages of strangers, in the browser of somebody whose API asks for no key."""

from __future__ import annotations

import pytest

from app.keys.errors import ForeignPage
from app.keys.pages import check_page
from tests.app.keys.conftest import API_KEY, Build, bearer

HERE = "127.0.0.1:8000"
PAGE = "https://chat.example"


def is_answered(origin: str | None, host: str, named: frozenset[str] = frozenset()) -> bool:
    """Whether a page of ``origin`` that calls this server ``host`` gets an answer."""
    try:
        check_page(origin, host, named)
    except ForeignPage:
        return False
    return True


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1:3000",
        "http://localhost:8000",
        "http://127.0.0.1:8000.evil.example",
        "http://evil.example/127.0.0.1:8000",
        "null",
        "",
        "x",
        "http://[",
        "HTTPS://EVIL.EXAMPLE",
        "//127.0.0.1:8001",
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    """Also one that hides where it is from, or that cannot be read."""
    with pytest.raises(ForeignPage):
        check_page(origin, HERE, frozenset({PAGE}))


@pytest.mark.parametrize(
    "origin",
    [None, "http://127.0.0.1:8000", PAGE, "tauri://localhost", "vscode-webview://abc", "app://x"],
)
def test_programs_our_page_and_named_ones_are_answered(origin: str | None) -> None:
    """Programs send no origin, or one of a scheme that no web page has."""
    assert is_answered(origin, HERE, frozenset({PAGE}))


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:8000", "localhost.evil.example", "[", "a.b:x", "1.2"],
)
def test_a_name_that_anybody_could_let_lead_here_is_refused(host: str) -> None:
    """DNS rebinding: to the browser the page and this server are one."""
    with pytest.raises(ForeignPage):
        check_page(f"http://{host}", host, frozenset())
    with pytest.raises(ForeignPage):
        check_page(None, host, frozenset())


@pytest.mark.parametrize(
    "host",
    [HERE, "localhost", "LOCALHOST:8000", "[::1]:8000", "mill.localhost:80", "box", "192.0.2.1"],
)
def test_addresses_and_names_of_this_network_are_answered(host: str) -> None:
    """Nobody outside decides where they lead."""
    assert is_answered(None, host)


def test_a_page_that_is_named_names_its_host_too() -> None:
    """A proxy in front may keep the name."""
    assert is_answered(PAGE, "chat.example", frozenset({PAGE}))


def test_a_star_lets_every_page_in() -> None:
    """Whoever sets it was told."""
    assert is_answered("https://evil.example", "evil.example", frozenset({"*"}))


def test_a_request_of_a_strangers_page_does_nothing(build: Build) -> None:
    """403 before its body is read, whatever it was sent as; programs are served."""
    http = build()
    for url in ("/v1/chat/completions", "/v1/files", "/tokenize"):
        sent = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
        response = http.post(url, data=b"{}", headers=sent)
        assert response.status_code == 403
        assert response.json["error"]["code"] == "origin_not_allowed"
    assert http.get("/v1/models", headers={"Host": "evil.example"}).status_code == 403
    assert http.get("/v1/models").status_code == 200


def test_a_key_or_open_makes_it_nobodys_business(build: Build) -> None:
    """A page has no key unless it was given one; and with open, who is in front decides."""
    sent = {"Origin": "https://evil.example", "Host": "evil.example"}
    keyed = build(api_key=API_KEY)
    assert keyed.get("/v1/models", headers=sent | bearer(API_KEY)).status_code == 200
    assert keyed.get("/v1/models", headers=sent).status_code == 401
    assert build(auth="open").get("/v1/models", headers=sent).status_code == 200
