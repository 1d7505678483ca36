"""Forty files made to do harm: each ends as ``LoadFailed``, and nothing else ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worker.probe import tiny, tiny_onnx
from tests.worker.probe.asking import ENDLESS, TWICE, Place, chat, embed
from tests.worker.probe.damage import Damage, Victim
from tests.worker.probe.tiny import F32, I32, STRING, U32, Typed
from tests.worker.probe.tiny_onnx import encoder, field, outside, weights
from tests.worker.runtimes.default_models import SMOLLM2
from worker.probe import process, require_sound
from worker.runtimes import gguf
from worker.runtimes.errors import LoadFailed
from worker.runtimes.sources import resolve

HASTE_S = 3.0
MMPROJ = Path(__file__).parents[2] / "data" / "vision" / "tiny-pictures.mmproj.gguf"


def _fact(key: str, kind: int, value: object) -> bytes:
    return tiny.build({key: Typed(kind, value)})


def _shape(name: str, *shape: int) -> bytes:
    return tiny.build(shapes={**tiny.SHAPES, name: shape})


def _template(source: str) -> bytes:
    return _fact("tokenizer.chat_template", STRING, source)


def _words(**parts: object) -> str:
    return json.dumps({**json.loads(tiny_onnx.TOKENIZER), **parts})


SOUND = tiny.build()

SEEN = {
    "nothing": b"",
    "a web page": b"<!doctype html><title>404</title>",
    "half a model": SOUND[: len(SOUND) // 2],
    "a future version": SOUND[:4] + b"\x09" + SOUND[5:],
    "the other byte order": SOUND[:4] + b"\0\0\0\x03" + SOUND[8:],
    "2^63 tensors": SOUND[:8] + b"\0\0\0\0\0\0\0\x80" + SOUND[16:],
    "2^63 keys": SOUND[:16] + b"\0\0\0\0\0\0\0\x80" + SOUND[24:],
    "no architecture": tiny.build({"general.architecture": None}),
    "4 billion layers": _fact("llama.block_count", U32, 2**32 - 1),
    "no width": _fact("llama.embedding_length", U32, 0),
    "fewer types than tokens": _fact("tokenizer.ggml.token_type", I32, [1]),
    "scores of another type": _fact("tokenizer.ggml.scores", U32, [1] * 258),
    "more tokens than embeddings": _shape("token_embd.weight", tiny.WIDTH, 257),
    "alignment to a text": _fact("general.alignment", STRING, "32"),
}
"""What the bounded check finds, in the worker's own process."""

TRIED = {
    "the same token twice": (TWICE, "SIGABRT"),
    "a negative epsilon": (
        _fact("llama.attention.layer_norm_rms_epsilon", F32, -1.0),
        "SIGABRT",
    ),
    "experts that nobody uses": (_fact("llama.expert_count", U32, 8), "SIGABRT"),
    "a tokenizer without bytes": (_fact("tokenizer.ggml.model", STRING, "llama"), "SIGABRT"),
    "a tokenizer without end": (ENDLESS, "still busy"),
    "a template without end": (
        _template("{% for a in range(9999) %}" * 4 + "{% endfor %}" * 4),
        "still busy",
    ),
    "a template too deep": (_template("{{" + "(" * 9999 + "}}"), "RecursionError"),
    "a template that is none": (_template("{% if %}"), "template cannot be compiled"),
    "no heads": (_fact("llama.attention.head_count", U32, 0), "cannot be loaded"),
    "4 billion heads": (
        _fact("llama.attention.head_count_kv", U32, 2**32 - 1),
        "set fewer slots|cannot be loaded",
    ),
    "another architecture": (
        _fact("general.architecture", STRING, "llama").replace(b"llama", b"lambs"),
        "cannot be loaded",
    ),
    "a tensor that is wider": (
        _shape("blk.0.ffn_up.weight", tiny.WIDTH, 2 * tiny.INNER),
        "cannot be loaded",
    ),
    "weights that are no numbers": (tiny.build(weight=float("nan")), "no numbers"),
}
"""What is consistent and wrong: only the loader knows, and some of it ends the process."""

ENCODERS = {
    "weights from a secret": (encoder(weight=weights(outside("/etc/passwd"))), "", "outside"),
    "a graph without end": (tiny_onnx.endless(), "", "still busy"),
    "an operator that is none": (encoder(operator="Gathr"), "", "Gathr"),
    "half of the weights": (encoder(weight=weights(field(9, bytes(16)))), "", "cannot be loaded"),
    "weights beyond the file": (
        encoder(
            weight=weights(
                field(13, field(1, "offset") + field(2, "99999")) + outside("tokenizer.json")
            )
        ),
        "",
        "cannot be loaded",
    ),
    "no tokenizer": (encoder(), "{}", "no tokenizer"),
    "a tokenizer too deep": (encoder(), "[" * 100_000, "no tokenizer"),
    "a tokenizer without words": (
        encoder(),
        _words(model={"type": "WordLevel", "vocab": {}, "unk_token": "x"}),
        "Missing",
    ),
    "a panic at a character": (
        encoder(),
        _words(normalizer={"type": "Precompiled", "precompiled_charsmap": "BAAAAP////8="}),
        "PanicException: index out of bounds",
    ),
    "a panic at the end": (
        encoder(),
        _words(
            post_processor={
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "X", "type_id": 0}}],
                "pair": [],
                "special_tokens": {},
            }
        ),
        "PanicException: no entry",
    ),
}
"""Encoders and their tokenizers, some of which only the tokenizer's own library understands."""

BITS = {"a token becomes another one": 11_745, "the sign of an epsilon": 6_255}
"""Single bits of SmolLM2's file at which llama.cpp aborts: its header passes every check."""


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Called with the reason that is expected: what is to hang is given up after seconds."""

    def hurry(reason: str) -> None:
        if reason == "still busy":
            monkeypatch.setattr(process, "_LEAST_S", HASTE_S)

    return hurry


@pytest.mark.parametrize("name", SEEN)
def test_the_check_refuses(name: str, tmp_path: Path) -> None:
    """What contradicts itself is refused without another process."""
    path = tmp_path / "model.gguf"
    path.write_bytes(SEEN[name])
    with pytest.raises(LoadFailed, match="no sound GGUF file"):
        gguf.check(path)


@pytest.mark.parametrize("name", TRIED)
def test_a_chat_model_is_refused(name: str, hurry: Callable[[str], None], tmp_path: Path) -> None:
    """What passes the check is refused by the loader, or ends a process that is not this one."""
    pytest.importorskip("llama_cpp")
    body, reason = TRIED[name]
    hurry(reason)
    path = tmp_path / "model.gguf"
    path.write_bytes(body)
    gguf.check(path)
    with pytest.raises(LoadFailed, match=reason):
        require_sound(chat(path), path, Place(tmp_path))


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_is_refused(name: str, hurry: Callable[[str], None], tmp_path: Path) -> None:
    """An encoder or a tokenizer that does harm is refused."""
    body, words, reason = ENCODERS[name]
    hurry(reason)
    path = tmp_path / "model.onnx"
    path.write_bytes(body)
    (tmp_path / "tokenizer.json").write_text(words or tiny_onnx.TOKENIZER)
    with pytest.raises(LoadFailed, match=reason):
        require_sound(embed(path), path, Place(tmp_path))


@pytest.mark.parametrize("name", BITS)
def test_one_bit_is_enough(name: str, tmp_path: Path) -> None:
    """A single bit of a real model crashes its loader, and not the process that asks."""
    pytest.importorskip("llama_cpp")
    victim = Victim(resolve(SMOLLM2), tmp_path / "model.gguf")
    with victim.suffering(Damage(bits=(BITS[name],))) as path:
        gguf.check(path)
        with pytest.raises(LoadFailed, match=r"crashed on it \(SIGABRT\): .*GGML_ASSERT"):
            require_sound(chat(path), path, Place(tmp_path))


def test_a_projector_without_a_tensor_is_refused(tmp_path: Path) -> None:
    """llama.cpp takes a projector's biases for given, and reads them at address 0."""
    pytest.importorskip("llama_cpp")
    whole = MMPROJ.read_bytes()
    path = tmp_path / "mmproj.gguf"
    path.write_bytes(whole.replace(b"mm.2.bias", b"mm.9.bias"))
    gguf.check(path)
    smollm2 = resolve(SMOLLM2)
    model = chat(smollm2, kind="multimodal", mmproj=f"path:{path}")
    with pytest.raises(LoadFailed, match="SIGSEGV"):
        require_sound(model, smollm2, Place(tmp_path))
    path.write_bytes(whole)
    require_sound(model, smollm2, Place(tmp_path))
