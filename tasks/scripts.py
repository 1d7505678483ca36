"""The Lua scripts of ``tasks/lua``, each with the shared prelude in front."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from tasks.connection import Client


def load(client: Client, name: str) -> Any:
    """The script ``lua/<name>.lua``: called with keys and arguments, it runs in Redis, whole."""
    folder = files("tasks") / "lua"
    source = (folder / "prelude.lua").read_text() + (folder / f"{name}.lua").read_text()
    return client.register_script(source)
