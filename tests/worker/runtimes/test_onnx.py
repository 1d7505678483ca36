"""What the ONNX runtime alone does: meaning, and files and inputs that it must not trust."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.worker.runtimes.default_models import MINILM_TOKENIZER
from worker.runtimes.base import EmbedRuntime
from worker.runtimes.errors import DecodeFailed, LoadFailed
from worker.runtimes.onnx import OnnxRuntime
from worker.runtimes.sources import resolve


def test_paraphrase_is_nearer_than_the_unrelated(onnx: EmbedRuntime) -> None:
    """Vectors carry meaning: a paraphrase is close, another subject is far."""
    base, paraphrase, unrelated = onnx.embed(
        onnx.tokenize(
            [
                "How do I reset my password?",
                "I forgot my password, how can I change it?",
                "The glacier feeds three rivers in spring.",
            ]
        )
    )
    assert float(base @ paraphrase) > 0.6
    assert float(base @ unrelated) < 0.2


def test_many_lengths_keep_their_vectors(onnx: EmbedRuntime) -> None:
    """Sixty texts of sixty lengths, arranged in several batches, get the vectors they get alone."""
    inputs = onnx.tokenize(["water " * (n * 7 % 60 + 1) + "mill" for n in range(60)])
    together = onnx.embed(inputs)
    for place in (0, 17, 42, 59):
        alone = onnx.embed([inputs[place]])[0]
        assert float(alone @ together[place]) > 1 - 1e-5


@pytest.mark.parametrize(
    ("tokens", "fault"),
    [
        ([101, *[7592] * 600, 102], "1 to 512 tokens"),
        ([], "1 to 512 tokens"),
        ([101, 30522, 102], "run from 0 to 30521"),
        ([101, -1, 102], "run from 0 to 30521"),
    ],
)
def test_impossible_inputs_are_refused(onnx: EmbedRuntime, tokens: list[int], fault: str) -> None:
    """Inputs that the model cannot take are ``DecodeFailed``, and the next call succeeds."""
    with pytest.raises(DecodeFailed, match=fault):
        onnx.embed([[101, 102], tokens])
    assert np.isfinite(onnx.embed([[101, 102]])).all()


def _field(number: int, value: int | bytes) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _model_with_external_data(location: str) -> bytes:
    """An ONNX model, Y = X + W, whose W lies in the file ``location``."""
    entry = _field(1, b"location") + _field(2, location.encode())
    weight = _field(1, 4) + _field(2, 1) + _field(8, b"W") + _field(13, entry) + _field(14, 1)
    floats = _field(1, _field(1, 1) + _field(2, _field(1, _field(1, 4))))
    node = _field(1, b"X") + _field(1, b"W") + _field(2, b"Y") + _field(4, b"Add")
    graph = (
        _field(1, node)
        + _field(2, b"g")
        + _field(5, weight)
        + _field(11, _field(1, b"X") + _field(2, floats))
        + _field(12, _field(1, b"Y") + _field(2, floats))
    )
    return _field(1, 8) + _field(7, graph) + _field(8, _field(2, 17))


@pytest.mark.parametrize("location", ["../secret.bin", "x/../../secret.bin", "link.bin", "{abs}"])
def test_weights_outside_the_folder_are_refused(location: str, tmp_path: Path) -> None:
    """A model cannot have files read that lie outside its own folder."""
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(16))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link.bin").symlink_to(secret)
    model = folder / "model.onnx"
    model.write_bytes(_model_with_external_data(location.format(abs=secret)))
    with pytest.raises(LoadFailed, match="External data path"):
        OnnxRuntime(model, resolve(MINILM_TOKENIZER), context=16)


def test_other_models_are_no_encoders(tmp_path: Path) -> None:
    """A sound model with other inputs is refused by what it wants."""
    (tmp_path / "w.bin").write_bytes(bytes(16))
    model = tmp_path / "model.onnx"
    model.write_bytes(_model_with_external_data("w.bin"))
    with pytest.raises(LoadFailed, match=r"wants the inputs \['X'\]"):
        OnnxRuntime(model, resolve(MINILM_TOKENIZER), context=16)


@pytest.mark.parametrize("body", [b"", b"not a model", bytes(64)])
def test_files_that_are_no_models_are_refused(body: bytes, tmp_path: Path) -> None:
    """Bytes that ONNX Runtime cannot read are ``LoadFailed`` with the file's name."""
    model = tmp_path / "model.onnx"
    model.write_bytes(body)
    with pytest.raises(LoadFailed, match=r"model\.onnx"):
        OnnxRuntime(model, resolve(MINILM_TOKENIZER), context=16)


def test_missing_tokenizer_is_named(tmp_path: Path) -> None:
    """A tokenizer that cannot be read is ``LoadFailed`` with its name."""
    with pytest.raises(LoadFailed, match=r"none\.json is no tokenizer"):
        OnnxRuntime(tmp_path / "model.onnx", tmp_path / "none.json", context=16)
