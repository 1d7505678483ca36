"""Which addresses are public, and what a URL is taken apart into."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from app.outbound.address import AllowedHosts, Forbidden, is_public, parse_url, resolve

HOSTS = "MILLRACE_HOSTS"
NOBODY = AllowedHosts(HOSTS)


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
    with pytest.raises(Forbidden, match=HOSTS):
        resolve(parse_url("http://innocent.test/"), NOBODY)


def test_the_addresses_of_a_permitted_host_are_those_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each once, in the resolver's order."""
    monkeypatch.setattr(socket, "getaddrinfo", answers("10.0.0.2", "10.0.0.1", "10.0.0.2"))
    allowed = AllowedHosts.parse(HOSTS, "inside.test")
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
