"""API keys: who may ask, for which models, and how much; kept as digests, never as keys.

The API reads them, the command line makes them: what both must agree on is the record, and where
it lies. A key has 256 random bits: nobody finds it by trying, and a plain SHA-256 is enough.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

import msgspec

from tasks.connection import Client, now_ms
from tasks.jobs import Priority, new_id
from tasks.keys import Keys
from tasks.settings import QueueSettings

MOST_LIMIT = 2**31 - 1
MOST_NAME = 100
MOST_MODELS = 100
LONGEST_LIFE_S = 100 * 365 * 86_400

# Beside the digests: since when keys are asked for. It stays when the last key is revoked, or
# taking a leaked key back would open the place to everybody.
_ASKED_SINCE = "asked_since"
_DIGEST = re.compile(rb"[0-9a-f]{64}")
_HINT = 4

_KEY = re.compile(r"mr-[A-Za-z0-9_-]{43}")
# Owners are parts of Redis keys and of members of sets, where a space ends them.
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class ApiKey(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a key is worth. A limit of None is no limit; no ``models`` are all models.

    Everything that a key makes belongs to its ``owner``, whom several keys may have. Requests and
    tokens are counted per key, ``most_open`` over all jobs of the owner that have no end yet.
    ``priority`` is the most urgent that its jobs may have. Times are in seconds since the epoch.
    """

    id: str
    owner: str
    name: str = ""
    hint: str = ""
    models: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    most_open: int | None = None
    priority: Priority = Priority.INTERACTIVE
    created_at: float = 0.0
    expires_at: float | None = None

    def allows(self, model: str) -> bool:
        """Whether the key may use the model of this name."""
        return not self.models or model in self.models

    def expired(self, now_s: float) -> bool:
        """Whether the key is worth nothing any more."""
        return self.expires_at is not None and self.expires_at <= now_s


class UnusableKey(Exception):
    """Raised when a key cannot be made as it was asked for; ``field`` is the one at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Created:
    """A new key. ``secret`` is the key itself, which nothing here can tell again."""

    secret: str
    key: ApiKey

    def __repr__(self) -> str:
        """Without the secret: what is printed by mistake gives nothing away."""
        return f"Created({self.key!r})"


class Register:
    """The keys of a place, in the queue's Redis. Thread-safe, as its client is."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._redis = client
        self._keys = Keys(settings.key_prefix)

    def create(self, draft: ApiKey, *, expires_after_s: float | None = None) -> Created:
        """Make a key as ``draft`` says, whose id, hint and times are given here.

        Raises ``UnusableKey``. From the first one on keys are asked for.
        """
        check(draft)
        secret = f"mr-{secrets.token_urlsafe(32)}"
        now_s = now_ms(self._redis) / 1000
        key = msgspec.structs.replace(
            draft,
            id=f"key_{new_id()}",
            hint=secret[-_HINT:],
            created_at=now_s,
            expires_at=None if expires_after_s is None else now_s + expires_after_s,
        )
        with self._redis.pipeline() as together:
            together.hsetnx(self._keys.api_keys, _ASKED_SINCE, str(int(now_s)))
            together.hset(self._keys.api_keys, digest_of(secret), msgspec.json.encode(key))
            together.execute()
        return Created(secret, key)

    def find(self, digest: str) -> ApiKey | None:
        """The key of this digest; None for one that was never made, or is revoked."""
        return _read(self._redis.hget(self._keys.api_keys, digest))

    def asked_for(self) -> bool:
        """Whether a key was ever made here: then one is asked for."""
        return bool(self._redis.hexists(self._keys.api_keys, _ASKED_SINCE))

    def all(self) -> list[ApiKey]:
        """Every key that is not revoked, also those that have expired; the oldest first."""
        return sorted((key for _, key in self._records()), key=lambda key: key.id)

    def revoke(self, key_id: str) -> ApiKey | None:
        """Take a key back for good; None when there is none of that id."""
        for digest, key in self._records():
            if key.id == key_id and self._redis.hdel(self._keys.api_keys, digest):
                self._redis.delete(self._keys.budget(key_id))
                return key
        return None

    def _records(self) -> list[tuple[bytes, ApiKey]]:
        entries: dict[bytes, bytes] = self._redis.hgetall(self._keys.api_keys)
        found = ((digest, _read(record)) for digest, record in entries.items())
        return [(digest, key) for digest, key in found if key and _DIGEST.fullmatch(digest)]


def digest_of(secret: str) -> str:
    """What stands for a key in the register. A header's bytes come as Latin-1."""
    return hashlib.sha256(secret.encode("latin-1", "replace")).hexdigest()


def could_be_key(text: str) -> bool:
    """Whether ``text`` has the form of a key, so that looking it up makes sense."""
    return _KEY.fullmatch(text) is not None


def check(draft: ApiKey) -> None:
    """Raise ``UnusableKey`` for a draft that cannot become a key."""
    if not _OWNER.fullmatch(draft.owner):
        raise UnusableKey(
            "owner",
            "must be 1 to 64 letters, digits, '.', '_', '@' or '-', and begin with a letter or a"
            " digit",
        )
    if len(draft.name) > MOST_NAME or not draft.name.isprintable():
        raise UnusableKey("name", f"must be at most {MOST_NAME} characters that can be printed")
    if len(draft.models) > MOST_MODELS:
        raise UnusableKey("models", f"must be at most {MOST_MODELS} names")
    for field in ("requests_per_minute", "tokens_per_minute", "most_open"):
        limit = getattr(draft, field)
        if limit is not None and not 1 <= limit <= MOST_LIMIT:
            raise UnusableKey(field, f"must be from 1 to {MOST_LIMIT}; left out, there is no limit")


def _read(record: bytes | None) -> ApiKey | None:
    # A record that cannot be read opens nothing.
    try:
        return None if record is None else msgspec.json.decode(record, type=ApiKey)
    except msgspec.MsgspecError:
        return None
