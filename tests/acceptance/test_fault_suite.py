"""The fault suite with its small counts: minutes of what ``make faults`` does for hours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nothing_is_lost_and_the_controls_fail(tmp_path: Path) -> None:
    """Every row passes, and every row whose protection is switched off is seen to fail."""
    played = subprocess.run(
        [sys.executable, "-m", "faults", "--small", "--results", tmp_path / "faults.jsonl"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stdout
