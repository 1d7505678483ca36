"""API keys: who may ask, for which models, and how much; kept as digests, never as keys.

The API reads them, the command line makes them: what both must agree on is the record.
"""

from __future__ import annotations

import msgspec

from tasks.jobs import Priority


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
