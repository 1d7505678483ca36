"""What the terminal shows while the stack starts."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from runner import announce as module
from runner.announce import announce, example
from runner.readiness import READY, WAITING, Report
from runner.settings import RunnerSettings
from tasks.model import Model

MODELS = (
    Model(name="talker", kind="chat", source="echo:"),
    Model(name="other", kind="chat", source="echo:"),
)
SETTINGS = RunnerSettings(data_dir=Path("data"))
NAMES = ["redis-queue", "redis-cache", "keeper", "chat.talker", "chat.other", "api"]


def reports(**changed: Report) -> dict[str, Report]:
    named = {name.replace("_", "."): report for name, report in changed.items()}
    return dict.fromkeys(NAMES, READY) | named


def script(*rounds: dict[str, Report]) -> Callable[[], dict[str, Report]]:
    following = iter(rounds)
    return lambda: next(following)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.announce.time.sleep", lambda _: None)


def test_each_part_is_announced_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A part has one line, in the round in which it became ready."""
    announce(SETTINGS, MODELS, script(reports(api=WAITING), reports(api=WAITING), reports()))
    out = capsys.readouterr().out
    for name in NAMES:
        assert out.count(f"  {name} ") == 1
    assert out.index("  chat.talker ") < out.index("  api ")


def test_the_request_comes_last(capsys: pytest.CaptureFixture[str]) -> None:
    """The request to try is printed when everything is ready, and asks the first chat model."""
    announce(SETTINGS, MODELS, script(reports()))
    assert example(SETTINGS, "talker") in capsys.readouterr().out


def test_a_failure_is_told_once_and_repaired(capsys: pytest.CaptureFixture[str]) -> None:
    """A model that cannot load has its reason printed once; the request asks another model."""
    broken = reports(chat_talker=Report("failed", "no such file"))
    announce(SETTINGS, MODELS, script(broken, broken, reports()))
    out = capsys.readouterr().out
    assert out.count("FAILED: no such file") == 1
    assert example(SETTINGS, "other") in out
    assert "chat.talker" in out.splitlines()[-1]  # ready in the end


def test_a_model_that_rests_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A model that is not loaded is told of once, with the reason, and holds nothing up."""
    resting = reports(chat_other=Report("resting", "no node with a GPU"))
    announce(
        SETTINGS, MODELS, script(reports(chat_other=Report("resting", "x"), api=WAITING), resting)
    )
    out = capsys.readouterr().out
    assert out.count("not loaded: x") == 1
    assert "no node with a GPU" not in out
    assert example(SETTINGS, "talker") in out


def test_waiting_for_long_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while without news the parts that are missing are named, with their logs."""
    monkeypatch.setattr(module, "PATIENCE_S", -1.0)
    announce(SETTINGS, MODELS, script(reports(keeper=WAITING), reports()))
    assert "still waiting for keeper; see data/log/" in capsys.readouterr().out


def test_the_request_can_be_pasted() -> None:
    """A shell reads the printed request as one curl command with a JSON body."""
    words = shlex.split(example(SETTINGS, "talker").replace("\\\n", " "))
    assert words[:3] == ["curl", "-N", "http://127.0.0.1:8000/v1/chat/completions"]
    assert '"model": "talker"' in words[-1]
    assert '"stream": true' in words[-1]
