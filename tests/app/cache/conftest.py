"""The application with a cache, and a worker whose part is played."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.settings import ApiSettings
from tasks.gateway import Gateway
from tasks.settings import QueueSettings
from tests.app.cache.playing import Player


@pytest.fixture
def api_settings(settings: QueueSettings) -> ApiSettings:
    """Settings of an API whose cache is the queue's own Redis."""
    own: dict[str, Any] = {"ping_s": 0.2, "cache_url": settings.queue_url}
    return ApiSettings.model_validate(settings.model_dump() | own)


@pytest.fixture
def http(api_settings: ApiSettings, gateway: Gateway) -> FlaskClient:
    """A client of the application."""
    return create_app(api_settings, gateway).test_client()


@pytest.fixture
def player(gateway: Gateway) -> Iterator[Player]:
    """A worker at work, whose identity is known."""
    player = Player(gateway)
    player.says_it_is("first")
    with player.at_work():
        yield player
