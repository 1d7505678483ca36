"""The runtimes under test: each real one is loaded once, with the models of the default catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.runtimes.default_models import MINILM, MINILM_TOKENIZER, SMOLLM2
from worker.runtimes.base import ChatRuntime, EmbedRuntime
from worker.runtimes.echo import EchoChat, EchoEmbed
from worker.runtimes.errors import LoadFailed
from worker.runtimes.sources import resolve


def _file(source: str) -> Path:
    try:
        return resolve(source)
    except LoadFailed as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def smollm2_path() -> Path:
    return _file(SMOLLM2)


@pytest.fixture(scope="session")
def llama(smollm2_path: Path) -> Iterator[ChatRuntime]:
    pytest.importorskip("llama_cpp")
    from worker.runtimes.llama import LlamaRuntime

    runtime = LlamaRuntime(smollm2_path, slots=4, context=512)
    yield runtime
    runtime.shutdown()


@pytest.fixture(scope="session")
def onnx() -> Iterator[EmbedRuntime]:
    from worker.runtimes.onnx import OnnxRuntime

    runtime = OnnxRuntime(_file(MINILM), _file(MINILM_TOKENIZER), context=512)
    yield runtime
    runtime.shutdown()


@pytest.fixture(params=["llama", "echo"])
def chat(request: pytest.FixtureRequest) -> Iterator[ChatRuntime]:
    """Every chat runtime in turn, all of its slots closed."""
    runtime: ChatRuntime = (
        EchoChat(slots=4, context=512)
        if request.param == "echo"
        else request.getfixturevalue("llama")
    )
    yield runtime
    for slot in range(runtime.slots):
        runtime.close(slot)


@pytest.fixture(params=["onnx", "echo"])
def embed(request: pytest.FixtureRequest) -> EmbedRuntime:
    """Every embedding runtime in turn."""
    if request.param == "echo":
        return EchoEmbed(context=512)
    runtime: EmbedRuntime = request.getfixturevalue("onnx")
    return runtime


@pytest.fixture
def closed(llama: ChatRuntime) -> Iterator[ChatRuntime]:
    """The llama runtime, closed again after a test that ended early."""
    yield llama
    for slot in range(llama.slots):
        llama.close(slot)
