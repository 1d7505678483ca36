"""A mill of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.connection import Client
from tasks.settings import QueueSettings
from tests.app.batches.mill import Mill


@pytest.fixture
def mill(client: Client, settings: QueueSettings, tmp_path: Path) -> Mill:
    """An empty one."""
    return Mill(client, settings, tmp_path)
