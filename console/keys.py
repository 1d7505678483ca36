"""``millrace keys``: make, list and revoke API keys, over Redis."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from console.fleet.definitions import find_model
from console.key_views import created_json, keys_json, keys_table
from console.place import UNREACHABLE, Place, complain, each, fail, opened
from console.screen import show, show_json
from tasks.api_keys import LONGEST_LIFE_S, ApiKey, Register, UnusableKey, check
from tasks.errors import TaskError
from tasks.jobs import Priority

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

_LIFE = re.compile(r"([1-9][0-9]{0,9})([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


class UnknownKey(TaskError):
    """Raised when there is no key of that id."""

    code = "key_not_found"


@app.command("create")
def create_key(
    owner: Annotated[
        str, typer.Argument(metavar="OWNER", help="Whom everything belongs to that it makes.")
    ],
    *,
    name: Annotated[str, typer.Option(help="What it is for, to know it again.")] = "",
    models: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="MODEL", help="A model that it may use; else all."),
    ] = None,
    requests: Annotated[
        int | None, typer.Option("--rpm", help="Requests per minute.", min=1, metavar="N")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tpm", help="Tokens per minute.", min=1, metavar="N")
    ] = None,
    most_open: Annotated[
        int | None,
        typer.Option("--most-open", help="Its owner's jobs at once.", min=1, metavar="N"),
    ] = None,
    priority: Annotated[
        str, typer.Option(help="The most urgent of its jobs: interactive, background or batch.")
    ] = "interactive",
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="After it, the key is worth nothing: 90d.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and print it, this once; from the first one on, keys are asked for."""
    expires_after_s = None if expires is None else _life_s(expires)
    with opened() as place:
        draft = ApiKey(
            id="",
            owner=owner,
            name=name,
            models=tuple(dict.fromkeys(find_model(place, each).name for each in models or [])),
            requests_per_minute=requests,
            tokens_per_minute=tokens,
            most_open=most_open,
            priority=_priority(priority),
        )
        try:
            check(draft)
        except UnusableKey as error:
            fail(f"The key's {error.field} {error.message}.", UNREACHABLE)
        register = _register(place)
        is_first = not register.asked_for()
        created = register.create(draft, expires_after_s=expires_after_s)
        if as_json:
            show_json(created_json(created, place.records.now_s()))
            return
        # Alone on its line, for KEY=$(millrace keys create ...).
        typer.echo(created.secret)
        complain(f"{created.key.id} of {created.key.owner}. The key is shown only now.")
        if is_first:
            complain("It is the first: every request needs a key from now on (MILLRACE_AUTH).")


@app.command("list")
def list_keys(
    owner: Annotated[str | None, typer.Option(help="Only keys of this owner.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every key that is not revoked, the oldest first."""
    with opened() as place:
        found = [key for key in _register(place).all() if owner in (None, key.owner)]
        now_s = place.records.now_s()
        if as_json:
            show_json(keys_json(found, now_s))
        else:
            show(keys_table(found, now_s))


@app.command("revoke")
def revoke_keys(
    key_ids: Annotated[list[str], typer.Argument(metavar="ID", help="Ids of keys, as listed.")],
) -> None:
    """Take keys back for good: within a second no API takes them. What they began goes on."""
    with opened() as place:
        register = _register(place)
        each(key_ids, lambda key_id: _revoked(register, key_id))


def _revoked(register: Register, key_id: str) -> str:
    key = register.revoke(key_id)
    if key is None:
        raise UnknownKey(f"There is no key {key_id!r}: `millrace keys list` shows their ids.")
    return f"{key.id} of {key.owner} revoked"


def _register(place: Place) -> Register:
    return Register(place.ledger.redis, place.settings)


def _priority(name: str) -> Priority:
    known = {priority.name.lower(): priority for priority in Priority}
    if name not in known:
        fail(f"The priority must be {', '.join(known)}, not {name!r}.", UNREACHABLE)
    return known[name]


def _life_s(text: str) -> int:
    match = _LIFE.fullmatch(text)
    life_s = int(match[1]) * _UNIT_S[match[2]] if match else 0
    if not 1 <= life_s <= LONGEST_LIFE_S:
        fail(
            f"--expires must be a number with s, m, h or d, such as 90d, not {text!r}.",
            UNREACHABLE,
        )
    return life_s
