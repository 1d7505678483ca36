"""Turns a chat model's worker into one that logs nothing: the row that the ledger is compared with.

Python imports a module of this name at its start when this folder is on ``PYTHONPATH``. Nothing
in the product can be switched like that; only a worker's process is changed, and only here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def _serves_chat() -> bool:
    return any(word.startswith("chat.") for word in sys.orig_argv)


def _log_nothing() -> None:
    from tasks import scripts

    as_ever = scripts.load

    def load(client: Any, name: str, package: str = "tasks") -> Any:
        if (name, package) != ("append", "tasks"):
            return as_ever(client, name, package)
        prelude = Path(scripts.__file__).with_name("lua") / "prelude.lua"
        own = Path(__file__).with_name("append.lua")
        return client.register_script(prelude.read_text() + own.read_text())

    scripts.load = load


if _serves_chat():
    _log_nothing()
