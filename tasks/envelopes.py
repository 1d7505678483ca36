"""What a message must look like before Celery may see it. Pure: bytes in, a fault or none out.

Celery 5.7.0 believes what it takes from Redis: an entry that is not JSON, lacks a property or has
a payload of another shape ends the worker, and most of these do it again after every restart,
because the entry is unacked and comes back. So the shape is checked here, as strictly as our own
tickets allow: a name, an id, arguments that are texts, and none of what Celery could add to them
(a time to wait for, other tasks to call, keyword arguments).
"""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import msgspec
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads

# Names and ids come into log lines: a text that is put there instead must not.
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Where(msgspec.Struct, frozen=True):
    """Where a message was sent, and so where it is put back."""

    exchange: str
    routing_key: str


class Properties(msgspec.Struct, frozen=True):
    """What kombu needs to give a message out and to take it back."""

    delivery_tag: Name
    delivery_info: Where
    body_encoding: Literal["base64"]


class Envelope(msgspec.Struct, frozen=True):
    """Any message: a ticket, or one of Celery's own (commands to workers, and their answers)."""

    body: str
    properties: Properties
    headers: dict[str, Any]
    content_type: str = msgspec.field(name="content-type")
    content_encoding: str = msgspec.field(name="content-encoding")


class TicketHeaders(msgspec.Struct, frozen=True):
    """The headers of a task that is to run now, and to its end."""

    task: Name
    id: Name
    eta: None = None
    expires: None = None
    shadow: None = None
    compression: None = None
    stamped_headers: None = None
    timelimit: tuple[None, None] | None = None


class Ticket(msgspec.Struct, frozen=True):
    """What a message in a worker's queue must be besides an envelope."""

    headers: TicketHeaders
    content_type: Literal["application/json"] = msgspec.field(name="content-type")
    content_encoding: Literal["utf-8"] = msgspec.field(name="content-encoding")


NoKeywords = Annotated[dict[str, Any], msgspec.Meta(max_length=0)]
# Positional arguments, keyword arguments, and the tasks to call afterwards.
Payload = tuple[list[str], NoKeywords, dict[str, None] | None]
_payload = msgspec.json.Decoder(Payload)


def fault_of(item: bytes, *, ticket: bool) -> str | None:
    """What is wrong with an entry of a queue; None for one that Celery can take.

    The answer is one of a few fixed words: it is logged, and what the entry holds never is.
    """
    try:
        # As kombu will read it, in every detail: its decoder can be told to build objects.
        message = loads(bytes_to_str(item))
    except Exception:  # noqa: BLE001 - whatever decoding raises, the entry is to blame
        return "not JSON"
    return fault_in(message, ticket=ticket)


def fault_in(message: object, *, ticket: bool) -> str | None:
    """The same for an entry that is already decoded."""
    try:
        envelope = msgspec.convert(message, Envelope)
        if ticket:
            msgspec.convert(message, Ticket)
    except (msgspec.ValidationError, RecursionError):
        return "not a ticket" if ticket else "not a message"
    try:
        body = base64.b64decode(envelope.body)
        if ticket:
            _payload.decode(body)
    except (ValueError, RecursionError):
        return "wrong body"
    return None
