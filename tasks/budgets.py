"""What API keys may still ask for: requests are counted here, tokens by the ledger.

A key's budget of requests, and its budget of tokens, hold a minute's worth and fill up evenly. One
script takes a request from it, whichever API process asks. Tokens are taken by the script that
accepts a job and settled by the one that ends it; nothing here changes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from tasks import scripts
from tasks.api_keys import ApiKey
from tasks.connection import Client
from tasks.errors import RateLimited
from tasks.keys import Keys
from tasks.settings import QueueSettings

MINUTE_S = 60.0
# Longer than any call is retried.
MARK_MS = 30_000


@dataclass(frozen=True, slots=True)
class Level:
    """How much of a limit a minute is used, at this moment; more than all of it after an estimate
    that was too low."""

    limit: int
    used: float

    @property
    def remaining(self) -> int:
        """What may be asked for now."""
        return max(int(self.limit - self.used), 0)

    @property
    def whole_in_s(self) -> float:
        """When nothing of it is used any more."""
        return self.used / self.limit * MINUTE_S

    def wait_s(self, wanted: int) -> float:
        """When so much more may be asked for."""
        return max((self.used + wanted - self.limit) / self.limit * MINUTE_S, 0.0)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key is in its limits; None for one that it does not have."""

    requests: Level | None
    tokens: Level | None


def is_limited(key: ApiKey) -> bool:
    """Whether the key has a limit that is counted by the minute."""
    return key.requests_per_minute is not None or key.tokens_per_minute is not None


class Budgets:
    """The budgets of all keys. Thread-safe, as its client is."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._keys = Keys(settings.key_prefix)
        self._charge = scripts.load(client, "charge")

    def charge(self, key: ApiKey, request_id: str) -> None:
        """Take a request, once for each id; ``RateLimited`` when there is none."""
        if key.requests_per_minute is None:
            return
        taken, standing = self._call(key, request_id, 1)
        if not taken and standing.requests is not None:
            wait_s = standing.requests.wait_s(1)
            raise RateLimited(
                f"This API key may make {key.requests_per_minute} requests a minute, and has made"
                f" them. Send the request again in {wait_s:.3f} s.",
                retry_after_s=wait_s,
            )

    def standing(self, key: ApiKey) -> Standing:
        """Where ``key`` is, without taking anything."""
        return self._call(key, "", 0)[1]

    def _call(self, key: ApiKey, request_id: str, wanted: int) -> tuple[bool, Standing]:
        limits = (key.requests_per_minute, key.tokens_per_minute)
        taken, *used = cast(
            Sequence[bytes],
            self._charge(
                [self._keys.budget(key.id), self._keys.charged(request_id)],
                [wanted, *("" if limit is None else limit for limit in limits), MARK_MS],
            ),
        )
        requests, tokens = (
            None if limit is None else Level(limit, float(each))
            for limit, each in zip(limits, used, strict=True)
        )
        return bool(int(taken)), Standing(requests, tokens)
