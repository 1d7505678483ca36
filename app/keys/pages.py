"""Pages of strangers, where no key is asked for.

A browser lets any page send requests to this machine, and to a name that leads here since a moment
ago (DNS rebinding) even read the answers. Where there is a key it lacks that; where there is none,
what the browser says of the page decides.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from app.keys.errors import ForeignPage
from app.origins import ANY

# Pages of the web, and those whose browser does not tell where they are from. Programs that are a
# browser inside have schemes of their own.
_WEB = ("http", "https", "")
_LOCAL = "localhost"


def check_page(origin: str | None, host: str, allowed: Collection[str]) -> None:
    """Raise ``ForeignPage`` unless the request is of a program, of our page, or one ``allowed``."""
    if ANY in allowed:
        return
    if origin is not None and _is_foreign(origin.lower(), host.lower(), allowed):
        raise ForeignPage(f"Pages of {origin[:200]!r}")
    named = {urlsplit(each).hostname for each in allowed}
    if not _leads_here(host) and _name_of(host) not in named:
        raise ForeignPage(f"Requests to {host[:200]!r}")


def _is_foreign(origin: str, host: str, allowed: Collection[str]) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return True
    return parts.scheme in _WEB and parts.netloc != host and origin not in allowed


def _leads_here(host: str) -> bool:
    """Whether nobody else can make the name lead here: an address, or a name of this network."""
    name = _name_of(host)
    if name is None:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(f".{_LOCAL}")
    return True


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
