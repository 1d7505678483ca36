"""How a protection is taken out of production code; a patch that finds nothing is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tasks.scripts
from tasks.connection import Client

Pieces = Mapping[str, str]


class NothingToPatch(Exception):
    """Raised when production code does not have what a control takes away any more."""


def replace_method(owner: type, name: str, method: Any) -> Any:
    """Put ``method`` in the place of ``owner.name``, which is returned."""
    if name not in vars(owner):
        raise NothingToPatch(f"{owner.__qualname__} has no {name}")
    replaced = vars(owner)[name]
    setattr(owner, name, method)
    return replaced


def rewrite_scripts(changes: Mapping[str, Pieces]) -> None:
    """Change pieces of Lua scripts (by the script's name: what stands there, and what shall).

    To be called before anything loads a script. The files stay as they are.
    """
    load = tasks.scripts.load

    def load_changed(client: Client, name: str, package: str = "tasks") -> Any:
        script = load(client, name, package)
        if package != "tasks" or name not in changes:
            return script
        return client.register_script(changed(name, script.script, changes[name]))

    for name, pieces in changes.items():
        changed(name, load(_Source(), name), pieces)
    tasks.scripts.load = load_changed


def changed(name: str, text: str, pieces: Pieces) -> str:
    """``text`` with the pieces changed, each of which must be there exactly once."""
    for old, new in pieces.items():
        if text.count(old) != 1:
            raise NothingToPatch(f"{name}.lua does not have exactly once: {old}")
        text = text.replace(old, new)
    return text


class _Source:
    """In place of a client: a script that is registered with it is its source."""

    def register_script(self, source: str) -> str:
        return source
