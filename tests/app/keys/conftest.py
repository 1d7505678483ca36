"""Applications that ask for keys, and keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app import create_app
from app.settings import ApiSettings
from tasks.api_keys import ApiKey, Created, Register
from tasks.gateway import Gateway
from tasks.settings import QueueSettings

API_KEY = "the-key-of-the-environment"
ADMIN_KEY = "the-key-of-the-administrator"

Make = Callable[..., Created]
# Of a FlaskClient, the answers' JSON would have to be asserted to be there each time.
Build = Callable[..., Any]


@pytest.fixture
def make(gateway: Gateway) -> Make:
    """Makes a key for an owner."""

    def make(owner: str = "alice", expires_after_s: float | None = None, **worth: Any) -> Created:
        draft = ApiKey(id="", owner=owner, **worth)
        return Register(gateway.redis, gateway.settings).create(
            draft, expires_after_s=expires_after_s
        )

    return make


@pytest.fixture
def build(settings: QueueSettings, gateway: Gateway) -> Build:
    """A client of an application with other settings than most tests have."""

    def build(**changes: Any) -> Any:
        fields = settings.model_dump() | {"check_timeout_s": 1.0} | changes
        return create_app(ApiSettings.model_validate(fields), gateway).test_client()

    return build


def bearer(secret: str) -> dict[str, str]:
    """The header that brings a key."""
    return {"Authorization": f"Bearer {secret}"}
