"""Who is asking: the ``Authorization`` of a request, or of a socket's handshake, to its key."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from app.keys.errors import WrongKey
from app.keys.fresh import Fresh
from app.keys.pages import check_page
from app.origins import origins_of
from app.settings import ApiSettings
from tasks.api_keys import ApiKey, Register, could_be_key, digest_of
from tasks.connection import Client
from tasks.front_door import is_loopback

LOCAL = "local"
"""The owner of what is asked for without a key, and with a key of the environment."""

ADMIN = ApiKey(id="admin", owner=LOCAL, name="MILLRACE_ADMIN_KEY")
ENVIRONMENT = ApiKey(id="environment", owner=LOCAL, name="MILLRACE_API_KEY")

# A Redis that restarts is back by then; a key that was revoked meanwhile is one for no longer.
TRUSTED_S = 60.0


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A key of the environment, of which only the digest is kept."""

    digest: bytes
    key: ApiKey


class Keys:
    """One per application. Thread-safe; asks Redis about a key at most once a second."""

    def __init__(
        self,
        settings: ApiSettings,
        client: Client,
        *,
        now_s: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        register = Register(client, settings)
        self.listens_beyond = not is_loopback(settings.api_host)
        self.is_open = settings.auth == "open"
        self.origins = origins_of(settings.cors_origins)
        self._always = self.listens_beyond or settings.api_key is not None
        self._fixed = [
            _Fixed(_digest(secret.get_secret_value()), key)
            for secret, key in ((settings.admin_key, ADMIN), (settings.api_key, ENVIRONMENT))
            if isinstance(secret, SecretStr)
        ]
        self._known = Fresh(register.find, trusted_s=TRUSTED_S, clock=clock)
        # Redis cannot tell of the first key while it is away: nobody made one.
        self._asked = Fresh(lambda _: register.asked_for(), trusted_s=math.inf, clock=clock)
        self._now_s = now_s

    def who(self, authorization: str) -> ApiKey | None:
        """The key that the header brings; None where none is asked for.

        Raises ``WrongKey``, and ``QueueUnavailable`` while the register cannot be read.
        """
        secret = bearer(authorization)
        if (fixed := self._of_environment(secret)) is not None:
            return fixed
        if self.is_open:
            return None
        # A key is worth what it is from its first request on, also where none was asked for yet.
        if could_be_key(secret):
            found = self._known.get(digest_of(secret))
            if found is not None and not found.expired(self._now_s()):
                return found
        if self.asks:
            raise WrongKey
        return None

    def check_page(self, origin: str | None, host: str) -> None:
        """Raise ``ForeignPage`` for what a stranger's page sends where ``who`` is None."""
        if not self.is_open:
            check_page(origin, host, self.origins)

    @property
    def asks(self) -> bool:
        """Whether a request needs a key here and now."""
        return not self.is_open and (self._always or self._asked.get(""))

    def _of_environment(self, secret: str) -> ApiKey | None:
        sent = _digest(secret)
        # All are compared: the time does not say which one it was nearly.
        found = [each.key for each in self._fixed if hmac.compare_digest(sent, each.digest)]
        return found[0] if found else None


def bearer(authorization: str) -> str:
    """The key in an ``Authorization`` header, '' when there is none."""
    scheme, _, given = authorization.partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def _digest(secret: str) -> bytes:
    # The server hands over a header's bytes as Latin-1.
    return hashlib.sha256(secret.encode("latin-1", "replace")).digest()
