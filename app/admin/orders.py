"""What a request asks to be done with a model: the bodies of load and unload.

Unlike everywhere else an unknown field is refused: nobody sends an admin's order to a server of
another release unawares, and a mistyped ``force`` must not go unheard.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.admin import definition
from app.admin.definition import Definition
from app.openai import body as bodies
from app.openai.errors import BadRequest

MAX_WAIT_S = 600

ModelName = Annotated[str, Meta(max_length=256)]
WaitS = Annotated[float, Meta(ge=0, le=MAX_WAIT_S)]


class LoadOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Load a model of the catalog, by name or alias, or one that is defined here."""

    model: ModelName | Definition
    wait_s: WaitS | None = None


class UnloadOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Unload a model: once what it runs is finished, or at once with ``force``.

    ``forget`` takes back its definition, too, if it was added at run time.
    """

    model: ModelName
    force: bool | None = None
    forget: bool | None = None
    wait_s: WaitS | None = None


def parse_load(body: bytes) -> LoadOrder:
    """The order of a body; ``BadRequest`` names what is wrong with it."""
    order = bodies.decode(body, LoadOrder)
    _refuse_unknown(body, LoadOrder)
    return order


def parse_unload(body: bytes) -> UnloadOrder:
    """The order of a body; ``BadRequest`` names what is wrong with it."""
    order = bodies.decode(body, UnloadOrder)
    _refuse_unknown(body, UnloadOrder)
    return order


def _refuse_unknown(body: bytes, kind: type[msgspec.Struct]) -> None:
    given: dict[str, Any] = msgspec.json.decode(body)
    _check_names(given, kind.__struct_fields__, "")
    if isinstance(given["model"], dict):
        _check_names(given["model"], definition.FIELDS, "model.")


def _check_names(given: dict[str, Any], known: tuple[str, ...], prefix: str) -> None:
    for name in given:
        if name not in known:
            # A client's name of any length is shown as far as it could be one of ours.
            shown = f"{prefix}{name[:64]}"
            raise BadRequest(
                f"{shown!r} is no field here: there are {', '.join(known)}.",
                param=shown,
                code="unknown_parameter",
            )
