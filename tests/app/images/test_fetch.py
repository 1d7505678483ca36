"""Images behind URLs: what is fetched, and from where nothing is."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.images.configured import images_of
from app.images.fetch import Fetcher
from app.images.limits import Limits
from app.images.reading import Images
from app.images.refusal import ImageRefused
from app.outbound.address import AllowedHosts
from app.settings import ApiSettings
from tests.app.images.files import good
from tests.app.images.picture_server import (
    Answer,
    PictureServer,
    cut,
    drip,
    file,
    flood,
    garbage,
    lying,
)
from tests.app.webhooks.receiver import make_certificate

PNG = good("PNG")
HOSTS = "MILLRACE_IMAGE_HOSTS"
LOCAL = Images(Limits(bytes=100_000), Fetcher(AllowedHosts.parse(HOSTS, "localhost"), 1.0))
Start = Callable[[Answer], PictureServer]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, signed by itself."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture
def start(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Servers of the test's own, with a certificate that is trusted here."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    running: list[PictureServer] = []

    def start_one(answer: Answer) -> PictureServer:
        running.append(PictureServer(certificate, answer))
        return running[-1]

    yield start_one
    for server in running:
        server.close()


def refused(images: Images, url: str) -> ImageRefused:
    """Why nothing came of ``url``."""
    with pytest.raises(ImageRefused) as caught:
        images.read(url)
    return caught.value


def test_an_image_is_fetched_where_that_is_allowed(start: Start) -> None:
    """With nothing of the server or its client in the request."""
    server = start(file(PNG))
    assert LOCAL.read(server.url) == PNG
    [headers] = server.asked
    assert headers["host"] == server.url.split("/")[2]
    assert not {"cookie", "authorization", "referer"} & set(headers)


def test_the_settings_switch_it_on() -> None:
    """Off as delivered; hosts that may be private are named beside."""
    assert images_of(ApiSettings()).fetcher is None
    fetcher = images_of(ApiSettings(image_fetch="https", image_hosts="a.test")).fetcher
    assert fetcher is not None
    assert "a.test" in fetcher.allowed
    assert "b.test" not in fetcher.allowed


def test_what_is_fetched_is_checked_like_anything_else(start: Start) -> None:
    """A page that says PNG is a page."""
    server = start(file(b"<html>404", Content_Type="image/png"))
    assert refused(LOCAL, server.url).code == "unsupported_image"


def test_a_private_host_that_nobody_named_is_not_connected_to(start: Start) -> None:
    """The remedy names the setting."""
    server = start(file(PNG))
    why = refused(Images(fetcher=Fetcher(AllowedHosts(HOSTS))), server.url)
    assert why.code == "invalid_image_url"
    assert HOSTS in why.reason
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.png",
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://user:secret@example.com/a.png",
        "https://example.com/a.png#part",
        "https://exa mple.com/",
        "https://",
        "https://example.com:99999/",
    ],
)
def test_a_url_that_leads_elsewhere_is_refused_unresolved(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheme, the address or the form is enough; addresses resolve to themselves."""
    real = socket.getaddrinfo

    def own(host: str, *given: Any, **named: Any) -> Any:
        assert host[0] in "[:0123456789", host
        return real(host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", own)
    why = refused(Images(fetcher=Fetcher(AllowedHosts(HOSTS))), url)
    assert why.code == "invalid_image_url"
    assert "secret" not in why.reason


def test_a_name_is_resolved_once(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A DNS server that answers otherwise the second time is not asked a second time."""
    server = start(file(PNG))
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: str, *given: Any, **named: Any) -> Any:
        if host != "localhost":
            return real(host, *given, **named)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.9", *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert LOCAL.read(server.url) == PNG
    assert asked == ["localhost"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(start: Start, status: int) -> None:
    """It would lead where nothing was checked."""
    inside = start(file(PNG))
    server = start(file(b"", status, Location=inside.url))
    why = refused(LOCAL, server.url)
    assert why.code == "image_fetch_failed"
    assert f"answers {status}" in why.reason
    assert inside.asked == []


@pytest.mark.parametrize("status", [201, 204, 206, 403, 404, 500])
def test_any_other_status_is_a_failure(start: Start, status: int) -> None:
    """Whatever came with it."""
    server = start(file(PNG if status != 204 else b"", status))
    assert f"answers {status}" in refused(LOCAL, server.url).reason


@pytest.mark.parametrize("answer", [lying, flood])
def test_reading_ends_at_the_limit_of_bytes(start: Start, answer: Answer) -> None:
    """Whether the length is said or not."""
    began = time.monotonic()
    assert refused(LOCAL, start(answer).url).code == "image_too_large"
    assert time.monotonic() - began < 0.9


def test_reading_ends_at_the_deadline(start: Start) -> None:
    """Though every single byte comes in time."""
    began = time.monotonic()
    why = refused(LOCAL, start(drip).url)
    assert (why.code, "within 1 s" in why.reason) == ("image_fetch_failed", True)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("answer", [cut, garbage])
def test_a_broken_answer_is_a_failure(start: Start, answer: Answer) -> None:
    """It tells nothing of what stands behind the port."""
    why = refused(LOCAL, start(answer).url)
    assert why.code == "image_fetch_failed"
    assert "could not be reached or understood" in why.reason


def test_a_closed_port_and_an_unknown_host_are_failures(start: Start) -> None:
    """The first is told like any other broken answer."""
    server = start(file(PNG))
    server.close()
    assert "could not be reached or understood" in refused(LOCAL, server.url).reason
    anywhere = Images(fetcher=Fetcher(AllowedHosts.parse(HOSTS, "*")))
    assert "does not resolve" in refused(anywhere, "https://nowhere.invalid/").reason


def test_a_certificate_that_nobody_trusts_gets_no_request(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what https is for."""
    server = start(file(PNG))
    monkeypatch.delenv("SSL_CERT_FILE")
    assert refused(LOCAL, server.url).code == "image_fetch_failed"
    assert server.asked == []


def test_the_environments_proxy_is_not_used(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would resolve the name itself."""
    server, proxy = start(file(PNG)), start(file(PNG))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    assert LOCAL.read(server.url) == PNG
    assert proxy.asked == []
