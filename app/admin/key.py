"""The admin key: who may see and change what runs."""

from __future__ import annotations

import hashlib
import hmac

from pydantic import SecretStr

from app.admin.refusals import AdminDisabled, WrongKey


class AdminKey:
    """The key of ``MILLRACE_ADMIN_KEY``, of which only the digest is kept."""

    def __init__(self, key: SecretStr | None) -> None:
        self._digest = None if key is None else _digest(key.get_secret_value().encode())

    def check(self, authorization: str) -> None:
        """Raise ``WrongKey`` unless the header brings the key, ``AdminDisabled`` without one."""
        if self._digest is None:
            raise AdminDisabled
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() != "bearer":
            given = ""
        # Digests are of one length, so that the time says nothing of the key's; and a missing key
        # takes the same way as a wrong one. The server hands over a header's bytes as Latin-1.
        sent = _digest(given.strip().encode("latin-1", "replace"))
        if not hmac.compare_digest(sent, self._digest):
            raise WrongKey


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
