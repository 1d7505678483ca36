"""A mill of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.connection import Client
from tasks.settings import QueueSettings
from tests.app.batches.mill import Mill


@pytest.fixture
def mill(client: Client, settings: QueueSettings, tmp_path: Path) -> Iterator[Mill]:
    """An empty one."""
    mill = Mill(client, settings, tmp_path)
    yield mill
    mill.close()
