"""The application with its files in a folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.files.place import Files
from app.settings import ApiSettings
from tasks.gateway import Gateway
from tasks.settings import QueueSettings

LIMIT_BYTES, BATCH_LIMIT_BYTES = 3_000_000, 2_000_000


@pytest.fixture
def api_settings(settings: QueueSettings, tmp_path: Path) -> ApiSettings:
    """Small limits, and a data folder of its own."""
    return ApiSettings.model_validate(
        settings.model_dump()
        | {
            "data_dir": tmp_path / "data",
            "file_limit_bytes": LIMIT_BYTES,
            "batch_file_limit_bytes": BATCH_LIMIT_BYTES,
            "body_limit_bytes": 100_000,
        }
    )


@pytest.fixture
def application(api_settings: ApiSettings, gateway: Gateway) -> Flask:
    """The application."""
    return create_app(api_settings, gateway)


@pytest.fixture
def http(application: Flask) -> FlaskClient:
    """A client of the application."""
    return application.test_client()


@pytest.fixture
def place(application: Flask) -> Files:
    """Where the application's files are."""
    found = application.extensions["files"]
    assert isinstance(found, Files)
    return found


@pytest.fixture
def folder(api_settings: ApiSettings) -> Path:
    """The folder of the store."""
    return api_settings.data_dir / "files"
