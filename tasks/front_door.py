"""May the API listen where it is told to? Asked before it does, by whoever starts it.

Beyond this machine a key is asked for. Where nobody could have one, the API would be a closed door
at best; that is said at the start, with what to do.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Literal

Auth = Literal["auto", "open"]

LEAST_CHARACTERS = 16
"""What a key from the environment must have at least: nobody tries that many."""


def is_loopback(host: str) -> bool:
    """Whether a server that listens on ``host`` is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return bool(host) and _leads_to_loopback(host)


def why_not_listen(host: str, *, auth: Auth, has_key: bool) -> str | None:
    """Why the API must not listen on ``host``, and the remedies; None when it may."""
    if auth == "open" or has_key or is_loopback(host):
        return None
    return (
        f"MILLRACE_API_HOST={host} is reached from other machines, and there is no key that they"
        " could be asked for. Set MILLRACE_API_KEY for one key that everybody uses, or"
        " MILLRACE_ADMIN_KEY and make keys with `millrace keys create` (for example: openssl rand"
        " -hex 32). Or listen on 127.0.0.1; or set MILLRACE_AUTH=open, where something in front"
        " asks for keys."
    )


def why_not_key(variable: str, key: str) -> str | None:
    """Why ``key`` is none that the environment may set, without a letter of it."""
    if len(key) >= LEAST_CHARACTERS and all("!" <= each <= "~" for each in key):
        return None
    return (
        f"{variable} must have at least {LEAST_CHARACTERS} characters, without spaces: letters,"
        " digits and punctuation of ASCII (for example: openssl rand -hex 32)"
    )


def why_not_both(api_key: str, admin_key: str) -> str | None:
    """Why the environment may not set both of these keys."""
    if api_key != admin_key:
        return None
    return (
        "MILLRACE_API_KEY and MILLRACE_ADMIN_KEY are the same: whoever may ask would be an"
        " administrator. Give them different keys"
    )


def _leads_to_loopback(name: str) -> bool:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(str(each[4][0])).is_loopback for each in found)
