"""Where a client may send this server: which URLs, and which addresses behind them.

A client names the URL, the server connects: without a rule a client reaches through it what only
the server can reach (its own host, the cloud's metadata, the neighbours). So a host must be public
unless the operator named it, and what was checked is what is connected to (``pinned``): the name is
resolved once, and a second answer of its DNS server does not count.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

MAX_URL = 2048
PORTS = {"http": 80, "https": 443}
NAT64 = IPv6Network("64:ff9b::/96")

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# "127.1", "0x7f000001" and "2130706433" are addresses to a resolver, and no names to anyone.
_NUMBER = re.compile(r"(?:\d+|0x[0-9a-f]*)")


class Forbidden(ValueError):
    """Raised when a URL is not to be connected to; the message is the remedy, without the URL."""


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The hosts that may be private ones: what the variable ``setting`` names."""

    setting: str
    names: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, setting: str, text: str) -> AllowedHosts:
        """From host names or addresses with commas between them; ``*`` allows every host."""
        names = (name.strip().lower() for name in text.split(","))
        return cls(setting, frozenset(filter(None, names)))

    def __contains__(self, host: str) -> bool:
        return "*" in self.names or host in self.names


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, taken apart once: nothing reads the text a second time, and differently."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header: a port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(url: str) -> Target:
    """The target that ``url`` names; ``Forbidden`` unless it is a plain http(s) URL."""
    if len(url) > MAX_URL:
        raise Forbidden(f"use a URL of at most {MAX_URL} characters")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise Forbidden(
            "use a URL whose spaces, backslashes and characters outside ASCII are encoded"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Forbidden("use a URL such as https://example.com/path") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise Forbidden("use an http or https URL with a host, such as https://example.com/path")
    if "@" in parts.netloc:
        raise Forbidden("leave user name and password out: they are not sent")
    if parts.fragment:
        raise Forbidden("leave the part after # out: it is never sent")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = _checked_host(parts.hostname.removesuffix("."))
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path)


def check_literal(target: Target, allowed: AllowedHosts) -> None:
    """Refuse a host that is written as an address, or is localhost, unless it is permitted."""
    if (address := _literal(target.host)) is not None:
        _check([address], target.host, allowed)


def resolve(target: Target, allowed: AllowedHosts) -> list[str]:
    """Every address of the host, all of them permitted; ``OSError`` when it has none now."""
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    # Without an order of its own: the resolver's is the one to try them in.
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    _check([ip_address(address) for address in addresses], target.host, allowed)
    return addresses


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the open internet, also where it wraps an IPv4 one."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.sixtofour or address.teredo or address.is_site_local:
            return False
    # Multicast counts as global in Python.
    return address.is_global and not address.is_multicast and not address.is_reserved


def _check(addresses: list[IPv4Address | IPv6Address], host: str, allowed: AllowedHosts) -> None:
    if host not in allowed and not all(map(is_public, addresses)):
        raise Forbidden(f"use a public host, or name this one in {allowed.setting} on the server")


def _checked_host(host: str) -> str:
    if _literal(host) is None:
        last = host.rsplit(".", 1)[-1]
        if len(host) > 253 or not _NAME.fullmatch(host) or _NUMBER.fullmatch(last):
            raise Forbidden("use a host name of letters, digits and hyphens, or a full IP address")
    return host


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    if host == "localhost" or host.endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    try:
        return ip_address(host)
    except ValueError:
        return None
