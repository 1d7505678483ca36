"""Which key ``millrace batch`` sends, and to whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.batches.settings import ServerSettings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the checkout's .env, and with a key in every variable but one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MILLRACE_KEY", raising=False)
    monkeypatch.setenv("MILLRACE_API_KEY", "of-this-machine")
    monkeypatch.setenv("OPENAI_API_KEY", "of-openai")


def test_the_api_of_this_machine_gets_its_own_key() -> None:
    """Whoever set MILLRACE_API_KEY for the API need not set another variable."""
    assert ServerSettings().bearer == "of-this-machine"


def test_another_api_is_not_told_this_ones_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets what is meant for others."""
    monkeypatch.setenv("MILLRACE_URL", "http://mill.example:8000")
    assert ServerSettings().bearer == "of-openai"


def test_the_key_that_is_named_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it goes."""
    monkeypatch.setenv("MILLRACE_KEY", "named")
    assert ServerSettings().bearer == "named"
