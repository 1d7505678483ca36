"""The application with an admin key, a catalog that changes, and a node played by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from app.settings import ApiSettings
from tasks.connection import Client
from tasks.gateway import Gateway
from tasks.live_catalog import LiveCatalog
from tasks.settings import QueueSettings
from tests.app.admin.box import KEY, Box, Operator
from tests.app.conftest import MODELS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the files of added models may lie."""
    folder = tmp_path / "allowed"
    folder.mkdir()
    return folder


@pytest.fixture
def api_settings(settings: QueueSettings, tmp_path: Path, folder: Path) -> ApiSettings:
    """Settings with a key, and a catalog of three echo models."""
    models = tmp_path / "models.toml"
    models.write_text(MODELS)
    return ApiSettings.model_validate(
        settings.model_dump()
        | {
            "models_file": models,
            "model_folders": str(folder),
            "admin_key": KEY,
            "body_limit_bytes": 1_000_000,
            "check_timeout_s": 1.0,
        }
    )


@pytest.fixture
def gateway(api_settings: ApiSettings, client: Client) -> Iterator[Gateway]:
    """A gateway that sees models come and go."""
    gateway = Gateway(api_settings, LiveCatalog(api_settings, client), client=client)
    yield gateway
    gateway.close()


@pytest.fixture
def flask(api_settings: ApiSettings, gateway: Gateway) -> Flask:
    """The application."""
    return create_app(api_settings, gateway)


@pytest.fixture
def operator(flask: Flask) -> Operator:
    """Whoever has the key."""
    return Operator(flask.test_client())


@pytest.fixture
def box(gateway: Gateway) -> Box:
    """A live node without models, which does nothing by itself."""
    return Box(gateway)
