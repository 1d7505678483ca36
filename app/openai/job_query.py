"""What is asked about jobs in a URL's query: which of them, how long to wait, where to go on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

import msgspec

from app.openai.errors import BadRequest
from app.openai.paging import NUMBER, limit_of, newest_first_of
from tasks.claims import State

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_WAIT_S = 60

STATES: tuple[State, ...] = get_args(State)

_SECONDS = re.compile(r"[0-9]{1,2}(\.[0-9]{1,9})?")


class ListQuery(msgspec.Struct, frozen=True):
    """One page of jobs: at most ``limit`` of a state and a model that follow the job ``after``."""

    state: State | None
    model: str | None
    limit: int
    after: str | None
    newest_first: bool


def parse_list(query: Mapping[str, str]) -> ListQuery:
    """The page that ``query`` asks for; ``BadRequest`` names what is wrong with it."""
    return ListQuery(
        _state(query.get("state")),
        query.get("model"),
        limit_of(query.get("limit"), default=DEFAULT_LIMIT, most=MAX_LIMIT),
        query.get("after"),
        newest_first_of(query.get("order")),
    )


def parse_wait_s(query: Mapping[str, str]) -> float:
    """How long to wait for a job's end: 0 unless the client asks for more."""
    given = query.get("wait_s", "0")
    wait_s = float(given) if _SECONDS.fullmatch(given) else -1.0
    if not 0 <= wait_s <= MAX_WAIT_S:
        raise BadRequest(
            f"'wait_s' must be a number of seconds from 0 to {MAX_WAIT_S}, not {given!r}.",
            param="wait_s",
        )
    return wait_s


def parse_starting_after(query: Mapping[str, str], last_event_id: str | None) -> int:
    """The last event that the client has: by the query, else by its ``Last-Event-ID``, else 0."""
    if "starting_after" in query:
        return _event_number(query["starting_after"], "starting_after")
    return 0 if last_event_id is None else _event_number(last_event_id, "Last-Event-ID")


def unknown_after(job_id: str) -> BadRequest:
    """The refusal of a page that is to follow a job which is not there."""
    return BadRequest(
        f"There is no job {job_id!r} to go on after: it never was, or has been forgotten since its"
        " end. Begin without 'after'.",
        param="after",
    )


def _state(given: str | None) -> State | None:
    if given is None or given in STATES:
        return given
    raise BadRequest(
        f"'state' must be one of {', '.join(STATES)}, not {given!r}.",
        param="state",
    )


def _event_number(given: str, param: str) -> int:
    if not NUMBER.fullmatch(given):
        raise BadRequest(
            f"'{param}' must be the number of the last event that arrived, 0 for none,"
            f" not {given!r}.",
            param=param,
        )
    return int(given)
