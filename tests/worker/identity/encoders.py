"""An encoder of 300 bytes in three files, for tests of what becomes of them."""

from __future__ import annotations

from pathlib import Path

from tests.worker.probe import tiny_onnx


def write_encoder(folder: Path) -> Path:
    """The model's own file; its tokenizer and its weights lie beside it."""
    model = folder / "model.onnx"
    model.write_bytes(tiny_onnx.encoder(weight=tiny_onnx.weights(tiny_onnx.outside("w.bin"))))
    (folder / "tokenizer.json").write_text(tiny_onnx.TOKENIZER)
    (folder / "w.bin").write_bytes(tiny_onnx.numbers())
    return model
