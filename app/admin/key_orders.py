"""API keys as the admin API asks for them and shows them; the key itself is in no listing."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.openai import body as bodies
from app.openai.errors import BadRequest
from tasks.api_keys import (
    LONGEST_LIFE_S,
    MOST_LIMIT,
    MOST_MODELS,
    MOST_NAME,
    ApiKey,
    Created,
    UnusableKey,
    check,
)
from tasks.catalog import Catalog
from tasks.errors import UnknownModel
from tasks.jobs import Priority

Limit = Annotated[int, Meta(ge=1, le=MOST_LIMIT)]
ModelName = Annotated[str, Meta(max_length=256)]


class KeyBody(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of ``POST /admin/keys``."""

    owner: Annotated[str, Meta(max_length=64)]
    name: Annotated[str, Meta(max_length=MOST_NAME)] | None = None
    models: Annotated[tuple[ModelName, ...], Meta(max_length=MOST_MODELS)] | None = None
    requests_per_minute: Limit | None = None
    tokens_per_minute: Limit | None = None
    most_open: Limit | None = None
    # Checked below: the decoder's own words for a choice are none of a client's.
    priority: str | None = None
    expires_after_s: Annotated[int, Meta(ge=1, le=LONGEST_LIFE_S)] | None = None


class KeyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A key to be made: what it is to be worth, and for how long."""

    draft: ApiKey
    expires_after_s: int | None = None


def parse_key(body: bytes, catalog: Catalog) -> KeyOrder:
    """The key that ``body`` asks for; ``BadRequest`` names what is wrong with it.

    As in every order of an administrator, a field that is not known is refused: a mistyped limit
    would be none.
    """
    asked = bodies.decode(body, KeyBody)
    _refuse_unknown(msgspec.json.decode(body))
    draft = ApiKey(
        id="",
        owner=asked.owner,
        name=asked.name or "",
        models=_model_names(asked.models or (), catalog),
        requests_per_minute=asked.requests_per_minute,
        tokens_per_minute=asked.tokens_per_minute,
        most_open=asked.most_open,
        priority=_priority(asked.priority),
    )
    try:
        check(draft)
    except UnusableKey as error:
        raise BadRequest(f"'{error.field}' {error.message}.", param=error.field) from None
    return KeyOrder(draft=draft, expires_after_s=asked.expires_after_s)


def render_key(key: ApiKey, now_s: float) -> dict[str, Any]:
    """What a key is worth; of itself it shows the last characters."""
    return {
        "object": "api_key",
        "id": key.id,
        "owner": key.owner,
        "name": key.name or None,
        "hint": key.hint,
        "models": list(key.models) or None,
        "requests_per_minute": key.requests_per_minute,
        "tokens_per_minute": key.tokens_per_minute,
        "most_open": key.most_open,
        "priority": key.priority.name.lower(),
        "created_at": int(key.created_at),
        "expires_at": None if key.expires_at is None else int(key.expires_at),
        "expired": key.expired(now_s),
    }


def render_created(created: Created) -> dict[str, Any]:
    """The answer to an order: the only one that holds the key."""
    return render_key(created.key, created.key.created_at) | {"key": created.secret}


def _model_names(names: tuple[str, ...], catalog: Catalog) -> tuple[str, ...]:
    found = []
    for number, name in enumerate(names):
        try:
            found.append(catalog.find(name).name)
        except UnknownModel as unknown:
            param = f"models[{number}]"
            raise BadRequest(f"'{param}': {unknown.message}", param=param) from None
    # An alias and its model are the same.
    return tuple(dict.fromkeys(found))


def _priority(name: str | None) -> Priority:
    if name is None:
        return Priority.INTERACTIVE
    known = {each.name.lower(): each for each in Priority}
    if name not in known:
        raise BadRequest(
            f"'priority' must be {', '.join(known)}, not {name[:64]!r}: the most urgent that the"
            " key's jobs may have.",
            param="priority",
        )
    return known[name]


def _refuse_unknown(given: dict[str, Any]) -> None:
    known = KeyBody.__struct_fields__
    for name in given:
        if name not in known:
            raise BadRequest(
                f"{name[:64]!r} is no field here: there are {', '.join(known)}.",
                param=name[:64],
                code="unknown_parameter",
            )
