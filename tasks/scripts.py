"""The Lua scripts in a package's folder ``lua``, each with the ledger's prelude in front."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from tasks.connection import Client


def load(client: Client, name: str, package: str = "tasks") -> Any:
    """The script ``lua/<name>.lua``: called with keys and arguments, it runs in Redis, whole."""
    prelude = (files("tasks") / "lua" / "prelude.lua").read_text()
    script = (files(package) / "lua" / f"{name}.lua").read_text()
    return client.register_script(prelude + script)
