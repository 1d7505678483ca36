"""The rows: a module per family, found here by its ``ROWS``."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from faults.row import Row


def all_rows() -> list[Row]:
    """Every row, in the table's order."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return sorted((row for module in modules for row in module.ROWS), key=lambda row: row.order)
