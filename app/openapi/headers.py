"""Headers of answers."""

from __future__ import annotations

from app.openapi.pieces import COUNT, STRING, Json, header, one_of

HEADERS: dict[str, Json] = {
    "x-request-id": header(
        "32 hexadecimal digits that sort by age; of a request that made a job, the job's id.",
        {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        required=True,
    ),
    "x-cache": header(
        "What became of the request in the cache of answers.",
        one_of("hit", "miss", "coalesced", "bypass"),
    ),
    "x-cache-inputs": header("Of how many inputs the vectors were there: `2/4`.", STRING),
    "Age": header("Of a hit: how many seconds ago it was computed.", COUNT),
    "Idempotent-Replayed": header(
        "The answer is that of the first request under this `Idempotency-Key`.", one_of("true")
    ),
    "Location": header("Where to look for what becomes of it.", STRING, required=True),
    "Preference-Applied": header("`Prefer` was heeded.", one_of("respond-async")),
    "Retry-After": header("Seconds after which to send the request again.", COUNT, required=True),
    "retry-after-ms": header("The same, in milliseconds.", COUNT),
    "x-should-retry": header("`false` keeps official clients from trying again.", one_of("false")),
    **{
        f"x-ratelimit-{part}-{what}": header(f"Of a key with limits: {text} {what} a minute.", kind)
        for what in ("requests", "tokens")
        for part, text, kind in (
            ("limit", "its", COUNT),
            ("remaining", "what is left of its", COUNT),
            ("reset", "the time (`20ms`, `1s`, `6m0s`) until it has all of its", STRING),
        )
    },
    "x-queue-time-ms": header("For how long the job waited for its turn.", COUNT),
    "WWW-Authenticate": header("How to say who you are.", STRING, required=True),
    "Content-Disposition": header("The file's name.", STRING),
    "Content-Range": header("Which bytes these are, and of how many.", STRING),
    "ETag": header("The file's id: its bytes never change.", STRING),
}


RATE_LIMITS = tuple(name for name in HEADERS if name.startswith("x-ratelimit-"))
"""What every answer to a key with limits says of them."""
