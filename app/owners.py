"""Whose a request is: every job belongs to its owner and is unknown to all others."""

from __future__ import annotations


def asking_owner() -> str:
    """The owner that the request at hand comes from: without keys, all come from one."""
    return "local"
