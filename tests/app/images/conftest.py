"""The application with a model that sees, one that does not, and small limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.settings import ApiSettings
from tasks.catalog import load_catalog
from tasks.gateway import Gateway
from tasks.settings import QueueSettings
from tests.app.conftest import Worker
from tests.app.lane import answering

MODELS = """
[[model]]
name = "eyes"
kind = "multimodal"
source = "echo:"
slots = 2
context = 600

[[model]]
name = "blind"
kind = "chat"
source = "echo:"
"""

LIMITS = {
    "image_limit_bytes": 200_000,
    "image_limit_pixels": 1_000_000,
    "image_limit_side": 4_000,
    "image_limit_count": 3,
}


@pytest.fixture
def gateway(settings: QueueSettings, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway over the test's own keys and the models above."""
    models = tmp_path / "models.toml"
    models.write_text(MODELS)
    gateway = Gateway(settings, load_catalog(settings.model_copy(update={"models_file": models})))
    yield gateway
    gateway.close()


@pytest.fixture
def http(settings: QueueSettings, gateway: Gateway) -> FlaskClient:
    """A client of the application."""
    api_settings = ApiSettings.model_validate(settings.model_dump() | LIMITS)
    return create_app(api_settings, gateway).test_client()


@pytest.fixture
def eyes(settings: QueueSettings, gateway: Gateway) -> Iterator[Worker]:
    """A worker of the model that sees, which answers questions too."""
    worker = Worker(settings, gateway, "eyes")
    with ExitStack() as answers:
        answers.enter_context(answering(gateway.celery, worker.process))
        yield worker
    worker.close()
