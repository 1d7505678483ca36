"""The web side: HTTP in, events out. ``create_app`` is the only entry.

The law of this package: it imports ``tasks`` and never ``worker``; what the model computes comes
back as events. ``app.openai`` is pure (JSON in, jobs out; events in, JSON out), ``routes`` are
named after URLs and are three lines each: parse, submit, respond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.settings import ApiSettings
    from tasks.gateway import Gateway

__all__ = ["create_app"]


def create_app(settings: ApiSettings | None = None, gateway: Gateway | None = None) -> Flask:
    """The WSGI application; without arguments it reads the environment, as gunicorn's entry."""
    from app.factory import build

    return build(settings, gateway)
