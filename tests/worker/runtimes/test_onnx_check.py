"""The check of ONNX files: weights stay in their folder, and encoders are told from the rest."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worker.probe.tiny_onnx import (
    FLOAT,
    INPUTS,
    INT64,
    OUTPUTS,
    encoder,
    field,
    numbers,
    outside,
    port,
    weights,
)
from tests.worker.runtimes.default_models import MINILM
from worker.runtimes import onnx_check
from worker.runtimes.errors import LoadFailed
from worker.runtimes.sources import resolve

TENSOR = field(8, "V") + outside("../secret.bin")
ATTRIBUTE = field(1, "value")
PLACES = {
    "an initializer": encoder(weight=weights(outside("../secret.bin"))),
    "an attribute": encoder(in_node=field(5, ATTRIBUTE + field(5, TENSOR))),
    "an attribute's list": encoder(in_node=field(5, ATTRIBUTE + field(10, TENSOR))),
    "a subgraph": encoder(in_node=field(5, ATTRIBUTE + field(6, field(5, TENSOR)))),
    "a list of subgraphs": encoder(in_node=field(5, ATTRIBUTE + field(11, field(5, TENSOR)))),
    "a subgraph's subgraph": encoder(
        in_node=field(5, field(6, field(1, field(5, field(6, field(5, TENSOR))))))
    ),
    "values of a sparse tensor": encoder(in_graph=field(15, field(1, TENSOR))),
    "indices of a sparse tensor": encoder(in_graph=field(15, field(2, TENSOR))),
    "a sparse attribute": encoder(in_node=field(5, field(22, field(1, TENSOR)))),
    "a list of sparse attributes": encoder(in_node=field(5, field(23, field(1, TENSOR)))),
    "a function": encoder(in_model=field(25, field(7, field(5, field(5, TENSOR))))),
    "a function's default": encoder(in_model=field(25, field(11, field(5, TENSOR)))),
    "training": encoder(in_model=field(20, field(1, field(5, TENSOR)))),
    "a second graph": encoder(in_model=field(7, field(5, TENSOR))),
    "a location given twice": encoder(
        weight=weights(
            field(13, field(1, "location") + field(2, "w.bin") + field(2, "../secret.bin"))
        )
    ),
}
"""Every place of the format that may hold a tensor, with one whose weights lie outside."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder with a file of weights in it, and a secret beside it."""
    (tmp_path / "secret.bin").write_bytes(numbers())
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "w.bin").write_bytes(numbers())
    return folder


def check(body: bytes, folder: Path) -> list[Path]:
    """The check's verdict on ``body``."""
    path = folder / "model.onnx"
    path.write_bytes(body)
    return onnx_check.check(path)


def test_a_sound_encoder_passes(folder: Path) -> None:
    """A small encoder with all of its weights in the file has no further files."""
    assert check(encoder(), folder) == []


def test_the_real_model_passes_soon() -> None:
    """The default catalog's encoder of 23 MB is walked in well under a second."""
    began = time.monotonic()
    assert onnx_check.check(resolve(MINILM)) == []
    assert time.monotonic() - began < 0.5


def test_weights_beside_the_model_are_told(folder: Path) -> None:
    """A file of weights in the model's folder is allowed, and named once."""
    body = encoder(
        weight=weights(outside("w.bin")), in_graph=field(5, field(8, "V") + outside("./w.bin"))
    )
    assert check(body, folder) == [folder / "w.bin"]


@pytest.mark.parametrize("place", PLACES)
def test_weights_outside_are_found_wherever_they_hide(place: str, folder: Path) -> None:
    """No place that can hold a tensor is overlooked."""
    with pytest.raises(LoadFailed, match=r"'\.\./secret\.bin', outside its folder"):
        check(PLACES[place], folder)


@pytest.mark.parametrize(
    ("location", "fault"),
    [
        ("../secret.bin", "outside its folder"),
        ("sub/../../secret.bin", "outside its folder"),
        ("{absolute}", "outside its folder"),
        ("{inside}", "outside its folder"),  # absolute, though it leads inside
        ("link.bin", "outside its folder"),
        ("linked/secret.bin", "outside its folder"),
        ("none.bin", "does not exist"),
        ("", "does not exist"),
        (".", "does not exist"),
        ("w.bin\0", "cannot be looked up"),
        ("*/_ORT_MEM_ADDR_/*", "does not exist"),  # ONNX Runtime's own name for an address
        ("x" * 5000, "a name in it has 5000 bytes"),
    ],
)
def test_locations_that_are_refused(location: str, fault: str, folder: Path) -> None:
    """A location is a file below the model's folder, links followed, or the model is refused."""
    (folder / "link.bin").symlink_to(folder.parent / "secret.bin")
    (folder / "linked").symlink_to(folder.parent)
    named = location.format(absolute=folder.parent / "secret.bin", inside=folder / "w.bin")
    with pytest.raises(LoadFailed, match=fault):
        check(encoder(weight=weights(outside(named))), folder)


def test_weights_in_the_hubs_cache_are_beside_their_model(tmp_path: Path) -> None:
    """There both are links into one folder, and that is where both lie."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "1"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    (blobs / "a").write_bytes(encoder(weight=weights(outside("w.bin"))))
    (blobs / "b").write_bytes(numbers())
    (snapshot / "model.onnx").symlink_to("../../blobs/a")
    (snapshot / "w.bin").symlink_to("../../blobs/b")
    assert onnx_check.check(snapshot / "model.onnx") == [blobs / "b"]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "it is empty"),
        (b"not a model", "no sound ONNX file"),
        (bytes(64), "a field of the number 0"),
        (field(1, 8), r"wants the inputs \[\]"),
        (encoder()[:-1], "past the end of what holds it|ends inside a number"),
        (encoder(in_model=b"\x0b"), "the wire type 3"),
        (encoder(in_model=b"\x80" * 10), "more than 10 bytes"),
        (encoder(inputs=[port("X", INT64, 2)]), r"wants the inputs \['X'\]"),
        (encoder(inputs=INPUTS[:1]), r"wants the inputs \['input_ids'\]"),
        (encoder(inputs=[*INPUTS, port("pixels", FLOAT, 4)]), "no sentence encoder"),
        (encoder(inputs=[INPUTS[0], port("attention_mask", FLOAT, 2)]), "attention_mask is no"),
        (encoder(inputs=[INPUTS[0], port("attention_mask", INT64, 4)]), "attention_mask is no"),
        (encoder(outputs=[port("logits", FLOAT, 3)]), r"gives \['logits'\], and none of"),
        (encoder(outputs=[port("last_hidden_state", FLOAT, 2)]), "has 2 dimensions"),
        (encoder(outputs=[port("last_hidden_state", INT64, 3)]), "of the type 7"),
        (encoder(outputs=[port("sentence_embedding", FLOAT, 3)]), "has 3 dimensions"),
    ],
)
def test_faults_are_named(body: bytes, fault: str, folder: Path) -> None:
    """Each way of being no sentence encoder has a sentence of its own."""
    with pytest.raises(LoadFailed, match=fault):
        check(body, folder)


def test_weights_may_be_listed_as_inputs(folder: Path) -> None:
    """Old files name every weight among the inputs: nobody is asked for it."""
    assert check(encoder(inputs=[*INPUTS, port("W", FLOAT, 2)]), folder) == []


def test_a_shape_may_be_left_out(folder: Path) -> None:
    """What a file does not state is not held against it."""
    body = encoder(inputs=[field(1, "input_ids"), INPUTS[1]], outputs=OUTPUTS)
    assert check(body, folder) == []


def test_nesting_has_an_end(folder: Path) -> None:
    """Graphs within graphs, a thousand deep, are refused without recursion."""
    graph = field(2, "g")
    for _ in range(1000):
        graph = field(1, field(5, field(6, graph)))
    with pytest.raises(LoadFailed, match="nested more than 64 deep"):
        check(encoder(in_model=field(7, graph)), folder)


def test_fields_are_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of nothing but fields of two bytes is refused when there have been enough."""
    monkeypatch.setattr(onnx_check, "_MAX_FIELDS", 1000)
    with pytest.raises(LoadFailed, match="more than 1000 fields"):
        check(encoder(in_model=field(1, 8) * 1001), folder)


def test_a_folder_is_no_file(folder: Path) -> None:
    """A file that cannot be read is named."""
    with pytest.raises(LoadFailed, match="cannot be read"):
        onnx_check.check(folder)
    with pytest.raises(LoadFailed, match="cannot be read"):
        onnx_check.check(folder / "none.onnx")


SOUND = encoder(weight=weights(outside("w.bin")))
LITTLE_BYTES = 4_000_000

fuzz = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _verdict(body: bytes, folder: Path) -> str:
    """What the check says of ``body``, in little memory."""
    tracemalloc.start()
    try:
        check(body, folder)
        verdict = "sound"
    except LoadFailed:
        verdict = "refused"
    finally:
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak_bytes < LITTLE_BYTES
    return verdict


@fuzz
@given(st.lists(st.integers(0, len(SOUND) * 8 - 1), min_size=1, max_size=8))
def test_flipped_bits_end_in_a_verdict(folder: Path, bits: list[int]) -> None:
    """Whatever bits flip, the check passes or raises ``LoadFailed``, in little memory."""
    body = bytearray(SOUND)
    for bit in bits:
        body[bit // 8] ^= 1 << bit % 8
    assert _verdict(bytes(body), folder) in ("sound", "refused")


@fuzz
@given(st.binary(max_size=256))
def test_noise_ends_in_a_verdict(folder: Path, noise: bytes) -> None:
    """Bytes that nobody designed are refused."""
    assert _verdict(noise, folder) == "refused"
