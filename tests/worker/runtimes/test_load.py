"""From the catalog to a runtime: what is served, and what is refused with a remedy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.model import Model
from tests.worker.runtimes.default_models import MINILM, MINILM_TOKENIZER, SMOLLM2
from worker.runtimes import load
from worker.runtimes.errors import LoadFailed
from worker.runtimes.sources import resolve


def model(**fields: Any) -> Model:
    """A catalog entry: an echo of two slots, where ``fields`` do not say otherwise."""
    return Model(
        **{"name": "m", "kind": "chat", "source": "echo:", "slots": 2, "context": 64, **fields}
    )


def test_echo_needs_no_file() -> None:
    """The echo runtimes are made from the entry alone."""
    chat = load.load_chat(model())
    assert (chat.slots, chat.context) == (2, 64)
    assert load.load_embed(model(kind="embed")).context == 64


def test_chat_model_is_loaded(smollm2_path: Path) -> None:
    """The default chat model gets the slots and the context of its entry."""
    pytest.importorskip("llama_cpp")
    chat = load.load_chat(model(source=SMOLLM2))
    assert (chat.slots, chat.context) == (2, 64)
    chat.shutdown()


def test_embedding_model_is_loaded_with_its_tokenizer(tmp_path: Path) -> None:
    """A tokenizer is found beside the model when the entry names none."""
    source = f"path:{shutil.copy(resolve(MINILM), tmp_path / 'model.onnx')}"
    with pytest.raises(LoadFailed, match=r"tokenizer\.json does not exist"):
        load.load_embed(model(kind="embed", source=source))
    shutil.copy(resolve(MINILM_TOKENIZER), tmp_path / "tokenizer.json")
    assert load.load_embed(model(kind="embed", source=source)).dimensions == 384


def test_context_beyond_training_is_refused() -> None:
    """A context that the model was not trained for is refused with the number that it was."""
    with pytest.raises(LoadFailed, match="trained on 8192: set context to 8192 or less"):
        load.load_chat(model(source=SMOLLM2, context=8193))


def test_slots_beyond_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots that cannot fit into memory are refused before the loader tries."""
    monkeypatch.setattr(load, "memory_bytes", lambda: 1 << 30)
    with pytest.raises(LoadFailed, match="256 slots of 8192 tokens need 46080 MiB"):
        load.load_chat(model(source=SMOLLM2, slots=256, context=8192))


def test_context_beyond_positions_is_refused() -> None:
    """An embedding model's context is tried out at load."""
    entry = model(kind="embed", source=MINILM, tokenizer=MINILM_TOKENIZER, context=513)
    with pytest.raises(LoadFailed, match="set a smaller context"):
        load.load_embed(entry)


def test_embeddings_on_a_gpu_need_a_build_for_it() -> None:
    """An embedding model for a GPU is refused with what to install, and not served elsewhere."""
    with pytest.raises(LoadFailed, match="install onnxruntime-gpu"):
        load.load_embed(
            model(kind="embed", source=MINILM, tokenizer=MINILM_TOKENIZER, device="cuda")
        )


@pytest.mark.parametrize("body", [b"", b"GGUF", b"<html>404</html>"])
def test_files_that_are_no_models_never_reach_the_loader(body: bytes, tmp_path: Path) -> None:
    """A file that is no GGUF is refused by the check, with its path."""
    file = tmp_path / "model.gguf"
    file.write_bytes(body)
    with pytest.raises(LoadFailed, match="no sound GGUF file"):
        load.load_chat(model(source=f"path:{file}"))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"kind": "chat", "source": "echo:"}, []),
        ({"kind": "embed", "source": "echo:"}, []),
        ({"kind": "chat", "source": SMOLLM2, "slots": 1}, ["llama_cpp"]),
        (
            {"kind": "embed", "source": MINILM, "tokenizer": MINILM_TOKENIZER, "context": 512},
            ["onnxruntime"],
        ),
    ],
)
def test_a_worker_loads_its_own_models_library_and_no_other(
    entry: dict[str, Any], expected: list[str]
) -> None:
    """In a process of its own, which has loaded nothing before."""
    code = (
        "import sys\n"
        "from tasks.model import Model\n"
        f"from worker.runtimes.load import load_{entry['kind']} as load\n"
        f"load(Model(name='m', **{entry!r})).shutdown()\n"
        "print(sorted({'llama_cpp', 'onnxruntime'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.strip() == str(expected)


@pytest.mark.parametrize(("kind", "runtime"), [("chat", "onnx"), ("embed", "llama")])
def test_runtime_of_the_other_kind_is_refused(kind: str, runtime: str) -> None:
    """An entry whose runtime cannot do its kind's work is refused by name."""
    entry = model(kind=kind, runtime=runtime, source=SMOLLM2)
    with pytest.raises(LoadFailed, match=runtime):
        load.load_embed(entry) if kind == "embed" else load.load_chat(entry)
