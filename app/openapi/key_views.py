"""Schemas of API keys as the admin API shows them."""

from __future__ import annotations

from app.openapi.pieces import (
    BOOLEAN,
    COUNT,
    INTEGER,
    STRING,
    Json,
    array,
    described,
    just,
    listed,
    nullable,
    one_of,
    record,
)
from tasks.jobs import Priority

PRIORITY = one_of(*(each.name.lower() for each in Priority))

_KEY: dict[str, Json] = {
    "object": just("api_key"),
    "id": described(STRING, "Which key it is; not the key."),
    "owner": described(STRING, "Whom what is asked with it belongs to."),
    "name": nullable(STRING),
    "hint": described(STRING, "The key's last characters."),
    "models": described(nullable(array(STRING)), "Those it may use; null is all."),
    "requests_per_minute": described(nullable(COUNT), "Null is no limit."),
    "tokens_per_minute": described(nullable(COUNT), "Null is no limit."),
    "most_open": described(nullable(COUNT), "Jobs that have not ended; null is no limit."),
    "priority": described(PRIORITY, "The most urgent that its jobs may have."),
    "created_at": INTEGER,
    "expires_at": nullable(INTEGER),
    "expired": BOOLEAN,
}

KEY_VIEWS: dict[str, Json] = {
    "ApiKey": record("What a key is worth.", _KEY),
    "ApiKeyCreated": record(
        "A new key.", {**_KEY, "key": described(STRING, "The key itself, which is told once.")}
    ),
    "ApiKeyList": listed("ApiKey", "Every key that is not revoked."),
    "ApiKeyDeleted": record(
        "A key that was taken back.",
        {"object": just("api_key.deleted"), "id": STRING, "deleted": {"const": True}},
    ),
}
