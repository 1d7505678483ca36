"""Where webhooks may go."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from app.openai.errors import BadRequest, Unsupported
from app.webhooks.address import AllowedHosts, Forbidden, is_public, parse_url, resolve
from app.webhooks.check import check_webhook_url

NOBODY = AllowedHosts()


def check(url: str, hosts: str = "", *, signs: bool = True) -> bool:
    """The check as a request runs it; True when it refuses nothing."""
    check_webhook_url(url, signs=signs, allowed=AllowedHosts.parse(hosts))
    return True


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hook?key=1&b=%20",
        "http://hooks.example.com:8080/a",
        "https://example.com./",
        "https://93.184.215.14/",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
        "HTTPS://EXAMPLE.COM/",
    ],
)
def test_a_public_url_is_accepted(url: str) -> None:
    """Names are judged when they are resolved."""
    assert check(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///hook",
        "https://user:pass@example.com/",
        "https://user@example.com/",
        "https://example.com/#part",
        "https://example.com:99999/",
        "https://example.com:port/",
        "https://exa mple.com/",
        "https://example.com/a\r\nX: y",
        "https://example.com\\@localhost/",
        "https://ex\u00e4mple.com/",
        "https://-example.com/",
        "https://exam_ple..com/",
        "https://[::1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://example.com/" + "x" * 2048,
        "http://localhost:8000/",
        "http://api.localhost/",
        "http://127.0.0.1/",
        "http://10.1.2.3/",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
    ],
)
def test_any_other_url_is_a_400_that_names_the_field(url: str) -> None:
    """The message says which URL to use instead."""
    with pytest.raises(BadRequest) as refused:
        check(url)
    assert refused.value.param == "webhook_url"
    assert ": use " in refused.value.message or ": leave " in refused.value.message


def test_a_server_without_a_secret_says_so() -> None:
    """An unsigned event could come from anybody."""
    with pytest.raises(Unsupported, match="MILLRACE_WEBHOOK_SECRET"):
        check("https://example.com/", signs=False)


@pytest.mark.parametrize("hosts", ["localhost", "other.test, LOCALHOST", "*"])
def test_a_host_that_the_operator_names_may_be_private(hosts: str) -> None:
    """By its name, or with a star for all."""
    assert check("http://localhost:8000/", hosts)


def test_a_host_is_named_whole() -> None:
    """A permitted host permits no other that contains its name."""
    with pytest.raises(BadRequest):
        check("http://api.localhost/", "localhost")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("100.64.0.1", False),
        ("192.0.2.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("::", False),
        ("::127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d70e", True),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::", False),
        ("fec0::1", False),
        ("ff02::1", False),
    ],
)
def test_an_address_is_public_or_not(address: str, public: bool) -> None:
    """Also one that wraps another, and those that Python counts as global."""
    assert is_public(ip_address(address)) is public


def answers(*addresses: str) -> Any:
    """A DNS server's answer."""

    def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 80)) for a in addresses]

    return getaddrinfo


def test_one_private_address_among_public_ones_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which one a connection gets is not ours to choose."""
    monkeypatch.setattr(socket, "getaddrinfo", answers("93.184.215.14", "127.0.0.1"))
    with pytest.raises(Forbidden, match="MILLRACE_WEBHOOK_HOSTS"):
        resolve(parse_url("http://innocent.test/"), NOBODY)


def test_the_addresses_of_a_permitted_host_are_those_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each once, in the resolver's order."""
    monkeypatch.setattr(socket, "getaddrinfo", answers("10.0.0.2", "10.0.0.1", "10.0.0.2"))
    allowed = AllowedHosts.parse("inside.test")
    assert resolve(parse_url("http://inside.test/"), allowed) == ["10.0.0.2", "10.0.0.1"]


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://example.com", "example.com", "/"),
        ("https://Example.com:443/a?b=c", "example.com", "/a?b=c"),
        ("http://example.com:443/", "example.com:443", "/"),
        ("http://example.com?x", "example.com", "/?x"),
        ("http://[2606:2800::1]:81/", "[2606:2800::1]:81", "/"),
    ],
)
def test_a_url_is_taken_apart_once(url: str, authority: str, path: str) -> None:
    """Into what the Host header and the request line say."""
    target = parse_url(url)
    assert (target.authority, target.path) == (authority, path)
