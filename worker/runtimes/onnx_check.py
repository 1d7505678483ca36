"""A bounded look at an ONNX file before ONNX Runtime sees it.

The file's structure is walked (our own 80 lines, for PyPI's ``onnx`` parses in C++, whole and in
memory), wherever it may hold a tensor: in subgraphs, sparse tensors, functions and training
graphs. Tensors whose bytes lie in other files may only point to files beside the model's own.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from worker.runtimes.errors import LoadFailed
from worker.runtimes.protobuf_walk import SPAN, VARINT, Field, Malformed, Walk

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""What an encoder may want; the first two it must."""
OUTPUTS = {"sentence_embedding": 2, "last_hidden_state": 3}
"""What it must give, one of them, and of how many dimensions."""

_MAX_BYTES = (1 << 31) - 1
_MAX_FIELDS = 1 << 21
_MAX_DEPTH = 64
_MAX_NAME_BYTES = 4096
_INT64, _FLOATS = 7, (1, 10, 11, 16)  # element types: FLOAT, FLOAT16, DOUBLE, BFLOAT16

# Which fields of a message hold a message of which kind, as far as a tensor can lie below.
_TREE: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}


@dataclass(slots=True)
class _Port:
    """An input or output of the model: its element type and rank, None where it states none."""

    kind: int | None = None
    rank: int | None = None


@dataclass(slots=True)
class _Found:
    locations: set[str] = field(default_factory=set)
    weights: set[str] = field(default_factory=set)
    inputs: dict[str, _Port] = field(default_factory=dict)
    outputs: dict[str, _Port] = field(default_factory=dict)


def check(path: Path) -> list[Path]:
    """The further files that hold weights of the sentence encoder at ``path``, each once.

    Raises ``LoadFailed`` that names the file and the fault.
    """
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            found = _read(Walk(data, _MAX_FIELDS), len(data))
            _require_encoder(found)
        return sorted({_beside(path, location) for location in found.locations})
    except Malformed as error:
        raise LoadFailed(f"{path} is no sound ONNX file: {error}") from error
    except ValueError as error:  # mmap of an empty file
        raise LoadFailed(f"{path} is no sound ONNX file: it is empty") from error
    except OSError as error:
        raise LoadFailed(f"{path} cannot be read: {error.strerror}") from error


def _read(walk: Walk, size: int) -> _Found:
    """Everything that is asked about, found without recursion: a file may nest as it likes."""
    if size > _MAX_BYTES:
        raise Malformed(f"it has more than {_MAX_BYTES} bytes, the most that ONNX allows")
    found = _Found()
    waiting = [("model", 0, size, 0)]
    while waiting:
        kind, start, end, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise Malformed(f"its graphs are nested more than {_MAX_DEPTH} deep")
        below = _TREE.get(kind, {})
        for each in walk.fields(start, end):
            if each.kind != SPAN:
                continue
            if (inner := below.get(each.number)) == "entry":
                _read_entry(walk, each, found)
            elif inner:
                waiting.append((inner, each.start, each.end, depth + 1))
            if kind == "graph" and depth == 1:
                _read_port(walk, each, found)
    return found


def _read_entry(walk: Walk, entry: Field, found: _Found) -> None:
    """One pair of ``external_data``: of repeated keys or values any may be the one that counts."""
    keys: set[str] = set()
    values: set[str] = set()
    for each in walk.fields(entry.start, entry.end):
        if each.kind == SPAN and each.number in (1, 2):
            (keys if each.number == 1 else values).add(walk.text(each, _MAX_NAME_BYTES))
    if "location" in keys:
        found.locations |= values


def _read_port(walk: Walk, part: Field, found: _Found) -> None:
    """An input or output of the graph, or the name of one of its weights."""
    if part.number in (11, 12):
        name, port = "", _Port()
        for each in walk.fields(part.start, part.end):
            if each.kind == SPAN and each.number == 1:
                name = walk.text(each, _MAX_NAME_BYTES)
            elif each.kind == SPAN and each.number == 2:
                _read_type(walk, each, port)
        (found.inputs if part.number == 11 else found.outputs)[name] = port
    elif part.number == 5:
        for each in walk.fields(part.start, part.end):
            if each.kind == SPAN and each.number == 8:
                found.weights.add(walk.text(each, _MAX_NAME_BYTES))


def _read_type(walk: Walk, part: Field, port: _Port) -> None:
    for tensor in walk.fields(part.start, part.end):
        if tensor.kind != SPAN or tensor.number != 1:
            continue
        for each in walk.fields(tensor.start, tensor.end):
            if each.kind == VARINT and each.number == 1:
                port.kind = each.value
            elif each.kind == SPAN and each.number == 2:
                dims = walk.fields(each.start, each.end)
                port.rank = sum(dim.kind == SPAN and dim.number == 1 for dim in dims)


def _require_encoder(found: _Found) -> None:
    """Refuse a model that wants or gives something else than the onnx runtime can serve."""
    wanted = {name: port for name, port in found.inputs.items() if name not in found.weights}
    if not set(INPUTS[:2]) <= wanted.keys() <= set(INPUTS):
        raise Malformed(f"it wants the inputs {sorted(wanted)[:8]}: no sentence encoder")
    for name, port in wanted.items():
        if port.kind not in (None, _INT64) or port.rank not in (None, 2):
            raise Malformed(f"its input {name} is no table of 64-bit token ids")
    given = [name for name in OUTPUTS if name in found.outputs]
    if not given:
        raise Malformed(f"it gives {sorted(found.outputs)[:8]}, and none of {list(OUTPUTS)}")
    port = found.outputs[given[0]]
    if port.kind not in (None, *_FLOATS) or port.rank not in (None, OUTPUTS[given[0]]):
        raise Malformed(f"its output {given[0]} has {port.rank} dimensions of the type {port.kind}")


def _beside(path: Path, location: str) -> Path:
    """The file of weights, which lies in the folder of the model, wherever a link may lead.

    In the hub's cache the model and its weights are links into one folder of blobs: a file beside
    what the model's own link leads to is beside it as well.
    """
    try:
        real = (path.parent / location).resolve()
        folders = (path.parent.resolve(), path.resolve().parent)
        there = real.is_file()
    except (OSError, RuntimeError, ValueError) as error:
        raise Malformed(f"its weights' file {location!r} cannot be looked up") from error
    if Path(location).is_absolute() or not any(real.is_relative_to(each) for each in folders):
        raise Malformed(f"its weights are to be read from {location!r}, outside its folder")
    if not there:
        raise Malformed(f"its weights are to be read from {location!r}, which does not exist")
    return real
