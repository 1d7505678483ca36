"""Parameters that several operations have: of lists, and the headers of requests for answers."""

from __future__ import annotations

from app.openapi.pieces import STRING, Json, in_header, in_query, one_of

AFTER = in_query(
    "after",
    "The id that this page follows: the `last_id` of the page before.",
    STRING,
)
ORDER = in_query("order", "Newest first unless given.", one_of("asc", "desc"))


def limit(most: int, default: int) -> Json:
    """How many a page has at most."""
    schema: Json = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return in_query("limit", "How many at most.", schema)


PREFER = in_header(
    "Prefer",
    "With `respond-async` among the preferences the answer is a 202 with the job.",
    {"type": "string", "examples": ["respond-async"]},
)
RESUME = in_header(
    "Millrace-Resume",
    "For how many seconds the job goes on after its client has left.",
    {"type": "integer", "minimum": 1, "maximum": 3_600},
)
IDEMPOTENCY = in_header(
    "Idempotency-Key",
    "The same request under the same key is done once, and answered again from that.",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
)
CACHE_CONTROL = in_header(
    "Cache-Control",
    "`no-cache`, `no-store`, `max-age=N` and `only-if-cached`, as HTTP has them.",
    {"type": "string", "examples": ["no-cache"]},
)
STARTING_AFTER = in_query(
    "starting_after",
    "The number of the last event that arrived, 0 for none.",
    {"type": "integer", "minimum": 0, "maximum": 10**15 - 1},
)
LAST_EVENT_ID = in_header(
    "Last-Event-ID",
    "The number of the last event that arrived; `starting_after` wins.",
    {"type": "integer", "minimum": 0, "maximum": 10**15 - 1},
)

OF_JOBS = (PREFER, RESUME, IDEMPOTENCY, CACHE_CONTROL)
"""What a request that makes a job may say in its headers."""
