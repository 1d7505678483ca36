"""An application that asks for keys, its cache in the queue's own Redis, and keys with limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.settings import ApiSettings
from tasks.api_keys import ApiKey, Register
from tasks.gateway import Gateway
from tasks.settings import QueueSettings

Limited = Callable[..., Mapping[str, str]]


@pytest.fixture
def limited(gateway: Gateway) -> Limited:
    """Makes a key with these limits; the header that brings it."""

    def make(owner: str = "ann", **limits: Any) -> Mapping[str, str]:
        register = Register(gateway.redis, gateway.settings)
        created = register.create(ApiKey(id="", owner=owner, **limits))
        return {"Authorization": f"Bearer {created.secret}"}

    return make


@pytest.fixture
def http(settings: QueueSettings, gateway: Gateway) -> FlaskClient:
    """A client of the application."""
    own: dict[str, Any] = {"ping_s": 0.2, "check_timeout_s": 1.0, "cache_url": settings.queue_url}
    fields = settings.model_dump() | own
    return create_app(ApiSettings.model_validate(fields), gateway).test_client()
