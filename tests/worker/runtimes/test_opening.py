"""How a model is placed: its device, the type of its cache, its attention, and how far it is."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, get_args

import pytest

from tasks.jobs import Message, Sampling
from tasks.model import KvType, Model
from tests.worker.runtimes.default_models import SMOLLM2
from worker.runtimes import cache_types, load
from worker.runtimes.base import Feed
from worker.runtimes.errors import LoadFailed
from worker.settings import WorkerSettings

llama_cpp = pytest.importorskip("llama_cpp")

from worker.runtimes.llama import LlamaRuntime, opening  # noqa: E402

QUESTION = (Message("user", "What is the capital of France? Answer in one sentence."),)


def answer(path: Path, **options: Any) -> str:
    """The greedy answer to the question, two of it at once."""
    runtime = LlamaRuntime(path, slots=2, context=256, **options)
    prompt = runtime.prompt(QUESTION)
    fed = {0: list(prompt), 1: list(prompt)}
    said: dict[int, bytes] = {0: b"", 1: b""}
    for slot in fed:
        runtime.open(slot, Sampling(temperature=0), seed=1)
    for _ in range(16):
        for drawn in runtime.decode([Feed(slot, tokens, True) for slot, tokens in fed.items()]):
            fed[drawn.slot] = [drawn.token]
            said[drawn.slot] += runtime.piece(drawn.token)
            if runtime.ends(drawn.token):
                del fed[drawn.slot]
        if not fed:
            break
    runtime.shutdown()
    assert said[0] == said[1]
    return said[0].decode()


@pytest.mark.parametrize("kv_type", get_args(KvType))
def test_every_type_of_the_cache_gives_sane_answers(kv_type: KvType, smollm2_path: Path) -> None:
    """Also those of 4 and 5 bits, with the attention kernel that this build has of its own."""
    assert "Paris" in answer(smollm2_path, kv_type=kv_type)


@pytest.mark.parametrize("flash_attention", [True, False])
def test_flash_attention_can_be_chosen(flash_attention: bool, smollm2_path: Path) -> None:
    """On and off give the same answer."""
    assert "Paris" in answer(smollm2_path, flash_attention=flash_attention)


def test_quantised_values_need_flash_attention(smollm2_path: Path) -> None:
    """Refused before the file is touched, with both ways out."""
    model = Model(name="m", kind="chat", source="path:/none", kv_type="q8_0", flash_attention=False)
    with pytest.raises(LoadFailed, match="leave flash_attention out, or set kv_type to 'f16'"):
        load.load_chat(model)
    with pytest.raises(LoadFailed, match="needs flash attention"):
        LlamaRuntime(smollm2_path, slots=1, context=64, kv_type="q4_0", flash_attention=False)


@pytest.mark.parametrize("kv_type", get_args(KvType))
def test_bits_of_each_type_are_those_of_ggml(kv_type: KvType) -> None:
    """What is reckoned with before a model is loaded is what llama.cpp will take."""
    library = ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"))
    library.ggml_type_size.restype = ctypes.c_size_t
    library.ggml_blck_size.restype = ctypes.c_int64
    number = opening.TYPES[kv_type]
    bits = 8 * library.ggml_type_size(number) / library.ggml_blck_size(number)
    assert bits == cache_types.BITS[kv_type]


def test_a_smaller_type_fits_where_halves_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal reckons with the type of the cache."""
    monkeypatch.setattr(load, "memory_bytes", lambda: 1 << 30)
    asked = {"name": "m", "kind": "chat", "source": SMOLLM2, "slots": 6, "context": 8192}
    with pytest.raises(LoadFailed, match="need 1080 MiB"):
        load.load_chat(Model(**asked))  # type: ignore[arg-type]
    with pytest.raises(LoadFailed, match="need 2160 MiB"):
        load.load_chat(Model(**asked, kv_type="f32"))  # type: ignore[arg-type]
    load.load_chat(Model(**asked, kv_type="q4_0")).shutdown()  # type: ignore[arg-type]


def test_progress_is_told_from_nothing_to_all(smollm2_path: Path) -> None:
    """In order, and a listener that fails does not stop the loading."""
    heard: list[float] = []

    def hear(share: float) -> None:
        heard.append(share)
        raise RuntimeError("not listening")

    LlamaRuntime(smollm2_path, slots=1, context=64, progress=hear).shutdown()
    assert heard == sorted(heard)
    assert (heard[0], heard[-1]) == (0.0, 1.0)
    assert len(heard) > 10


def test_any_device_is_the_cpu_where_there_is_no_other() -> None:
    """Without a node; one that has chosen is followed."""
    gpu = opening.has_gpu()
    model = Model(name="m", kind="chat", source=SMOLLM2, device="any")
    assert load.device_of(model) == ("cuda:0" if gpu else "cpu")
    assert load.device_of(model, "cuda:1") == "cuda:1"
    assert load.device_of(Model(name="m", kind="chat", source=SMOLLM2, device="cuda")) == "cuda:0"
    assert load.device_of(Model(name="m", kind="chat", source="echo:", device="any")) == "cpu"


def test_a_gpu_that_is_not_there_is_a_sentence(smollm2_path: Path) -> None:
    """No crash, and what to do about it."""
    if opening.has_gpu():
        pytest.skip("this machine has one")
    with pytest.raises(LoadFailed, match="set device = 'cpu'"):
        LlamaRuntime(smollm2_path, slots=1, context=64, device="cuda:0")


def test_a_worker_has_its_file_tried_before_it_loads_it(tmp_path: Path) -> None:
    """With a worker's settings the pin is looked at; without, the file is trusted."""
    settings = WorkerSettings(data_dir=tmp_path)
    model = Model(name="m", kind="chat", source=SMOLLM2, slots=1, context=64, sha256=64 * "0")
    with pytest.raises(LoadFailed, match="is pinned to"):
        load.load_chat(model, settings)
    load.load_chat(model).shutdown()
