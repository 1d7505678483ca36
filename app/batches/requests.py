"""A line of an input file to its request: the envelope here, the body as its endpoint reads it.

What is wrong with a body is told in the endpoint's own words, at the field's place in the line.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from app.batches.lines import BadLine
from app.batches.record import Endpoint, Line, LineError, Order
from app.images.reading import Images
from app.keys.allowed import allowed
from app.openai.asked import Asked
from app.openai.body import decode
from app.openai.chat import parse_chat
from app.openai.completions import parse_completion
from app.openai.embeddings import parse_embeddings
from app.openai.errors import BadRequest, InvalidJSON, Unsupported
from app.openai.messages import DATA_URLS_ONLY
from tasks.catalog import Catalog
from tasks.errors import UnknownModel
from tasks.jobs import Job, Priority

MOST_CUSTOM_ID = 512

_BODY = "The request body"
_AS_UTF8 = "send the request body"


class Request(msgspec.Struct, frozen=True):
    """What one line asks for, and what its client calls it."""

    custom_id: str
    job: Job


class _Envelope(msgspec.Struct):
    custom_id: Annotated[str, Meta(min_length=1, max_length=MOST_CUSTOM_ID)]
    method: str
    url: str
    # Read once, by the endpoint's parser.
    body: Raw


def request_of(
    raw: bytes,
    line: Line,
    order: Order,
    catalog: Catalog,
    *,
    job_id: str,
    created_at: float,
    images: Images = DATA_URLS_ONLY,
) -> Request:
    """The request on a line of the batch that ``order`` is; ``BadLine`` if it is none.

    Pictures are read as ``images`` says.
    """
    try:
        envelope = decode(raw, _Envelope)
    except BadRequest as error:
        raise BadLine(_in_line(error, line)) from None
    _check_envelope(envelope, line, order.endpoint)
    try:
        asked = _parser(order.endpoint, images)(
            bytes(envelope.body),
            catalog=allowed(catalog, order.models),
            job_id=job_id,
            owner=order.owner,
            created_at=created_at,
        )
        _check_asked(asked)
    except (BadRequest, UnknownModel) as error:
        raise BadLine(_in_body(error, line), envelope.custom_id) from None
    return Request(envelope.custom_id, msgspec.structs.replace(asked.job, priority=Priority.BATCH))


def _parser(endpoint: Endpoint, images: Images) -> Callable[..., Asked]:
    match endpoint:
        case "/v1/chat/completions":
            return partial(parse_chat, images=images)
        case "/v1/completions":
            return parse_completion
        case "/v1/embeddings":
            return parse_embeddings


def _check_envelope(envelope: _Envelope, line: Line, endpoint: Endpoint) -> None:
    def refuse(code: str, message: str, param: str) -> BadLine:
        return BadLine(LineError(code, message, line.number, param), envelope.custom_id)

    if envelope.method != "POST":
        raise refuse("invalid_method", "'method' must be POST.", "method")
    if envelope.url != endpoint:
        raise refuse(
            "url_mismatch",
            f"'url' must be {endpoint}, the endpoint of the batch, on every line.",
            "url",
        )


def _check_asked(asked: Asked) -> None:
    """Refuse what a request may ask of a connection, or of a job of its own."""
    if asked.stream:
        raise Unsupported("'stream': there is no stream in a batch. Leave it out.", param="stream")
    if asked.background:
        raise Unsupported(
            "'background': all of a batch is in the background. Leave it out.", param="background"
        )
    if asked.webhook_url is not None:
        raise Unsupported(
            "'webhook_url' belongs to the batch: send it to POST /v1/batches.", param="webhook_url"
        )
    if asked.job.deadline_at is not None:
        raise Unsupported(
            "'timeout_s': the time of a batch is its 'completion_window'. Leave it out.",
            param="timeout_s",
        )


def _in_line(error: BadRequest, line: Line) -> LineError:
    """What is wrong with the line as a whole, or with a field beside the body."""
    whole = isinstance(error, InvalidJSON) or error.param is None
    code = "invalid_json_line" if whole else error.code
    message = error.message.replace(_BODY, "The line", 1).replace(_AS_UTF8, "write the file")
    return LineError(code or "invalid_value", message, line.number, error.param)


def _in_body(error: BadRequest | UnknownModel, line: Line) -> LineError:
    """What is wrong with a field of the body."""
    code: Any = "invalid_json_line" if isinstance(error, InvalidJSON) else error.code
    param, message = "body", error.message.replace(_BODY, "'body'", 1)
    if error.param:
        param = f"body.{error.param}"
        message = error.message.replace(f"'{error.param}'", f"'{param}'")
    return LineError(code or "invalid_value", message, line.number, param)
