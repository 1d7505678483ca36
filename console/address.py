"""Where a client on this machine finds an API that listens on a host and a port."""

from __future__ import annotations

import ipaddress


def api_url(host: str, port: int) -> str:
    """The API's address, without a path."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if address.is_unspecified:  # all interfaces: none that a client could ask for by name
        address = ipaddress.ip_address("::1" if address.version == 6 else "127.0.0.1")
    named = f"[{address}]" if address.version == 6 else str(address)
    return f"http://{named}:{port}"
