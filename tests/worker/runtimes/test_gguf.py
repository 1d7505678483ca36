"""The check of GGUF files: it reads sound ones, and refuses any other quickly."""

from __future__ import annotations

import ctypes
import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.runtimes import gguf
from worker.runtimes.errors import LoadFailed
from worker.runtimes.gguf_types import TENSOR_TYPES

HUGE = [2**31, 2**32, 2**62, 2**63, 2**63 - 1, 2**64 - 1]


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _pair(key: str, kind: int, value: bytes) -> bytes:
    return _string(key) + struct.pack("<I", kind) + value


def _text(key: str, value: str) -> bytes:
    return _pair(key, 8, _string(value))


def _number(key: str, value: int) -> bytes:
    return _pair(key, 4, struct.pack("<I", value))


def _types(kind: int, count: int) -> bytes:
    return _pair("tokenizer.ggml.token_type", 9, struct.pack("<IQ", kind, count) + bytes(4 * count))


def _tensor(name: str, shape: list[int], kind: int, offset: int) -> bytes:
    dims = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return _string(name) + dims + struct.pack("<IQ", kind, offset)


PAIRS = [
    _text("general.architecture", "llama"),
    _text("general.name", "tiny"),
    _number("llama.context_length", 128),
    _number("llama.block_count", 2),
    _number("llama.embedding_length", 64),
    _number("llama.attention.head_count", 4),
    _pair("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 2) + _string("a") + _string("bc")),
    _pair("tokenizer.ggml.scores", 9, struct.pack("<IQ2f", 6, 2, 0.5, 1.5)),
]
EMBEDDINGS = _tensor("token_embd.weight", [32, 3], 3, 256)
TENSORS = [_tensor("a", [64], 0, 0), _tensor("b", [32, 3], 3, 256)]
DATA = bytes(256 + 60)


def build(
    pairs: list[bytes] = PAIRS,
    tensors: list[bytes] = TENSORS,
    data: bytes = DATA,
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    counts: tuple[int, int] | None = None,
) -> bytes:
    """A small GGUF file; ``counts`` are the tensors and keys that it claims to have."""
    claimed = counts or (len(tensors), len(pairs))
    head = magic + struct.pack("<IQQ", version, *claimed) + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + data


def check(body: bytes, folder: Path) -> gguf.GgufFile:
    """The check's verdict on ``body``, which must come within a second and a few megabytes."""
    path = folder / "model.gguf"
    path.write_bytes(body)
    tracemalloc.start()
    began_s = time.monotonic()
    try:
        return gguf.check(path)
    finally:
        taken_s = time.monotonic() - began_s
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert taken_s < 1
        assert peak_bytes < 8 << 20


def test_sound_file_is_described(tmp_path: Path) -> None:
    """The facts of a sound file are those that it states."""
    assert check(build(), tmp_path) == gguf.GgufFile(
        architecture="llama",
        name="tiny",
        context_length=128,
        kv_bytes_per_token=2 * 2 * 4 * (16 + 16),
        tensors=2,
        size_bytes=len(build()),
        layers=2,
        vocabulary=2,
    )


def test_heads_of_each_layer_are_added_up(tmp_path: Path) -> None:
    """A model whose layers have different numbers of heads tells what a token takes in memory."""
    heads = _pair("llama.attention.head_count_kv", 9, struct.pack("<IQ2i", 5, 2, 4, 1))
    file = check(build([*PAIRS, heads]), tmp_path)
    assert file.kv_bytes_per_token == 2 * (4 + 1) * (16 + 16)


def test_real_model_is_described(smollm2_path: Path) -> None:
    """The default catalog's model is sound, and its trained context is known."""
    file = gguf.check(smollm2_path)
    assert (file.architecture, file.context_length, file.tensors) == ("llama", 8192, 272)
    assert (file.kv_bytes_per_token, file.layers, file.vocabulary) == (23040, 30, 49152)


def test_tensor_types_are_those_of_the_library() -> None:
    """The table of tensor types agrees with the ggml that is bundled."""
    llama_cpp = pytest.importorskip("llama_cpp.llama_cpp")
    library = llama_cpp._lib
    library.ggml_blck_size.restype = ctypes.c_int64
    library.ggml_type_size.restype = ctypes.c_size_t
    for kind, sizes in TENSOR_TYPES.items():
        assert (library.ggml_blck_size(kind), library.ggml_type_size(kind)) == sizes


@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize(
    "place",
    ["tensors", "keys", "key length", "string length", "array", "string array", "extent", "offset"],
)
def test_huge_numbers_are_refused(place: str, value: int, tmp_path: Path) -> None:
    """No count or length is believed because it is there, at any place that has one."""
    number = struct.pack("<Q", value)
    bodies = {
        "tensors": build(counts=(value, len(PAIRS))),
        "keys": build(counts=(len(TENSORS), value)),
        "key length": build([number + b"x", *PAIRS]),
        "string length": build([_pair("x", 8, number), *PAIRS]),
        "array": build([_pair("x", 9, struct.pack("<I", 10) + number), *PAIRS]),
        "string array": build([_pair("x", 9, struct.pack("<I", 8) + number), *PAIRS]),
        "extent": build(tensors=[_tensor("a", [value, value, value, value], 0, 0)]),
        "offset": build(tensors=[_tensor("a", [64], 0, value)]),
    }
    with pytest.raises(LoadFailed, match="no sound GGUF file"):
        check(bodies[place], tmp_path)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "it is empty"),
        (b"GG", "does not begin"),
        (build(magic=b"GGML"), "does not begin"),
        (build(version=1), "version is 1"),
        (build(version=0x03000000), "version is"),
        (build(PAIRS[1:]), "does not name its architecture"),
        (build([*PAIRS, PAIRS[0]]), "repeated"),
        (build([_text("", "x"), *PAIRS]), "empty or repeated"),
        (build([_pair("x", 13, b""), *PAIRS]), "unknown type 13"),
        (build([_pair("x", 9, struct.pack("<IQ", 9, 1)), *PAIRS]), "elements of the type 9"),
        (build([*PAIRS, _number("general.alignment", 48)]), "no power of two"),
        (build([*PAIRS, _number("general.alignment", 0)]), "alignment is 0"),
        (build([*PAIRS, _text("general.alignment", "32")]), "alignment is a value of type 8"),
        (build([each for each in PAIRS if b"block_count" not in each]), "block_count is None"),
        (build([*PAIRS[:4], _number("llama.embedding_length", 0)]), "embedding_length is 0"),
        (build([*PAIRS[:6], *PAIRS[7:]]), "0 tokens and 2 scores"),
        (build([*PAIRS[:7], _types(4, 3)]), "2 tokens and 3 token_type of the type 4"),
        (build([*PAIRS[:7], _types(6, 2)]), "2 tokens and 2 token_type of the type 6"),
        (build(tensors=[TENSORS[0], EMBEDDINGS]), "2 tokens and embeddings of 3"),
        (build(tensors=[_tensor("a", [64, 0], 0, 0)]), "the shape"),
        (build([*PAIRS, _number("split.count", 3)]), "one of 3 parts"),
        (build(tensors=[TENSORS[0], TENSORS[0]]), "there twice"),
        (build(tensors=[_tensor("a" * 64, [64], 0, 0)]), "64 bytes"),
        (build(tensors=[_tensor("a", [1] * 5, 0, 0)]), "5 dimensions"),
        (build(tensors=[_tensor("a", [33], 3, 0)]), "not of 32s"),
        (build(tensors=[_tensor("a", [32], 4, 0)]), "unknown type 4"),
        (build(tensors=[TENSORS[0], _tensor("b", [32, 3], 3, 128)]), "does not lie where"),
        (build(data=DATA[:300]), "incomplete"),
    ],
)
def test_faults_are_named(body: bytes, fault: str, tmp_path: Path) -> None:
    """Each way of being malformed has a sentence of its own."""
    with pytest.raises(LoadFailed, match=fault):
        check(body, tmp_path)


def test_long_values_are_stepped_over(tmp_path: Path) -> None:
    """A chat template of a megabyte is no fault, and is not copied."""
    body = build([_text("tokenizer.chat_template", "x" * (1 << 20)), *PAIRS])
    assert check(body, tmp_path).architecture == "llama"


def test_unreadable_path_is_named(tmp_path: Path) -> None:
    """A file that is not there, and a folder, are ``LoadFailed``."""
    with pytest.raises(LoadFailed, match="cannot be read"):
        gguf.check(tmp_path / "none.gguf")
    with pytest.raises(LoadFailed, match="cannot be read"):
        gguf.check(tmp_path)


SOON_S, LITTLE_BYTES = 2.0, 4_000_000


def _verdict(body: bytes, folder: Path) -> str:
    """What the check says of ``body``: soon, and in little memory."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        check(body, folder)
        verdict = "sound"
    except LoadFailed:
        verdict = "refused"
    finally:
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert time.monotonic() - began < SOON_S
    assert peak_bytes < LITTLE_BYTES
    return verdict


fuzz = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@fuzz
@given(st.integers(0, len(build()) - 1))
def test_no_part_of_a_file_is_sound(tmp_path: Path, length: int) -> None:
    """A file cut anywhere is refused."""
    with pytest.raises(LoadFailed):
        check(build()[:length], tmp_path)


@fuzz
@given(st.lists(st.tuples(st.integers(0, len(build()) * 8 - 1)), min_size=1, max_size=8))
def test_flipped_bits_end_in_a_verdict(tmp_path: Path, bits: list[tuple[int]]) -> None:
    """Whatever bits flip, the check passes or raises ``LoadFailed``, soon and in little memory."""
    body = bytearray(build())
    for (bit,) in bits:
        body[bit // 8] ^= 1 << bit % 8
    assert _verdict(bytes(body), tmp_path) in ("sound", "refused")


@fuzz
@given(st.integers(0, len(build()) - 8), st.sampled_from([*HUGE, 0, 1, 8, 9]))
def test_any_number_anywhere_ends_in_a_verdict(tmp_path: Path, at: int, value: int) -> None:
    """Crafted 64-bit numbers at any place do no harm."""
    body = build()
    crafted = body[:at] + struct.pack("<Q", value) + body[at + 8 :]
    assert _verdict(crafted, tmp_path) in ("sound", "refused")


@fuzz
@given(st.binary(max_size=512))
def test_noise_after_a_header_is_refused(tmp_path: Path, noise: bytes) -> None:
    """Bytes that nobody designed are refused like all others."""
    assert _verdict(b"GGUF" + struct.pack("<I", 3) + noise, tmp_path) == "refused"
