"""What is asked about batches: to make one, in a body, and for a page of them, in a query.

OpenAI knows one window, 24h. Here any time from a second to 30 days may be asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, get_args

import msgspec
from msgspec import Meta

from app.batches.record import Endpoint
from app.openai.body import decode
from app.openai.errors import BadRequest
from app.openai.fields import Metadata
from app.openai.paging import limit_of

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
LONGEST_WINDOW_S = 30 * 86_400
LEAST_EXPIRY_S, MOST_EXPIRY_S = 3_600, 30 * 86_400

ENDPOINTS: tuple[Endpoint, ...] = get_args(Endpoint)

_WINDOW = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SHOWN = 100


class _Expiry(msgspec.Struct):
    anchor: str
    seconds: Annotated[int, Meta(ge=LEAST_EXPIRY_S, le=MOST_EXPIRY_S)]


class BatchRequestBody(msgspec.Struct, kw_only=True):
    """The parameters of ``POST /v1/batches``."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: Metadata | None = None
    output_expires_after: _Expiry | None = None
    webhook_url: str | None = None


class BatchAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as the body describes it; ``output_ttl_s`` is None unless the client says."""

    input_file_id: str
    endpoint: Endpoint
    completion_window: str
    window_s: int
    metadata: dict[str, str]
    output_ttl_s: int | None
    webhook_url: str | None


class BatchQuery(msgspec.Struct, frozen=True):
    """One page of batches: at most ``limit`` that follow the batch ``after``."""

    limit: int
    after: str | None


def parse_batch(body: bytes) -> BatchAsked:
    """The batch that ``body`` asks for; ``BadRequest`` if it is none."""
    asked = decode(body, BatchRequestBody)
    return BatchAsked(
        input_file_id=asked.input_file_id,
        endpoint=_endpoint(asked.endpoint),
        completion_window=asked.completion_window,
        window_s=_window_s(asked.completion_window),
        metadata=asked.metadata or {},
        output_ttl_s=_output_ttl_s(asked.output_expires_after),
        webhook_url=asked.webhook_url,
    )


def parse_batch_query(query: Mapping[str, str]) -> BatchQuery:
    """The page that ``query`` asks for; ``BadRequest`` names what is wrong with it."""
    return BatchQuery(
        limit_of(query.get("limit"), default=DEFAULT_LIMIT, most=MAX_LIMIT), query.get("after")
    )


def unknown_after(batch_id: str) -> BadRequest:
    """The refusal of a page that is to follow a batch which is not there."""
    return BadRequest(
        f"There is no batch {batch_id[:_SHOWN]!r} to go on after: it never was, or has been"
        " forgotten since its end. Begin without 'after'.",
        param="after",
    )


def _endpoint(given: str) -> Endpoint:
    if given not in ENDPOINTS:
        raise BadRequest(
            f"'endpoint' must be one of {', '.join(ENDPOINTS)}, not {given[:_SHOWN]!r}.",
            param="endpoint",
        )
    return given


def _window_s(given: str) -> int:
    match = _WINDOW.fullmatch(given)
    window_s = int(match[1]) * _UNIT_S[match[2]] if match else 0
    if not 1 <= window_s <= LONGEST_WINDOW_S:
        raise BadRequest(
            "'completion_window' must be 24h, or a number with s, m, h or d from 1s to 30d, not"
            f" {given[:_SHOWN]!r}.",
            param="completion_window",
        )
    return window_s


def _output_ttl_s(given: _Expiry | None) -> int | None:
    if given is None:
        return None
    if given.anchor != "created_at":
        raise BadRequest(
            "'output_expires_after.anchor' must be created_at.",
            param="output_expires_after.anchor",
        )
    return given.seconds
