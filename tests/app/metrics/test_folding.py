"""The folder of measures goes on."""

from __future__ import annotations

import pytest

from app.metrics import folding
from app.metrics.folding import Folder
from tasks.connection import Client
from tasks.measures import Measures
from tasks.settings import QueueSettings


def test_a_fault_in_one_round_is_not_the_last(
    client: Client, settings: QueueSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever an entry holds: the next round comes."""
    folder = Folder(client, settings)
    rounds = []

    def fail(_: Measures) -> list[str]:
        rounds.append(1)
        if len(rounds) == 2:
            folder.stop()
        raise ValueError("odd")

    monkeypatch.setattr(Measures, "fold_gone", fail)
    monkeypatch.setattr(folding, "ROUND_S", 0.001)
    folder.run()
    assert len(rounds) == 2
