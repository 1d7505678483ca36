"""The runner's one error."""

from __future__ import annotations


class CannotStart(Exception):
    """Raised when the stack cannot be started as asked; the message says what to change."""
