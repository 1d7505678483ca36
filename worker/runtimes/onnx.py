"""Sentence vectors by ONNX Runtime, and the package's only import of it.

The vector of a text must not depend on who else is in the batch. With the model of the default
catalog it does not: its weights are stored as int8 but computed in fp32, and 128 texts of 4 to 130
tokens embedded together differed by 0 (largest component, on AVX-512) from the same texts embedded
alone; the tests allow 1e-4. A model with dynamically quantised activations scales them by the whole
batch and cannot keep that.

A session computes with one thread, and as many batches may be computed at once as the model has
threads. On two cores that gives 1.12 times the vectors of a session with two threads: nobody waits
for the slower half of each matrix, least of all while something else uses one of the cores.

On a GPU the CUDA provider computes. ONNX Runtime falls back to the CPU without a word where it
cannot use one: which provider has the session is looked at, and a silent fallback is an error.

A file may point to weights outside itself. ONNX Runtime refuses those that leave the model's
folder, links included (checked on 1.31; a test holds it to that).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tokenizers
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as faults
from tokenizers import Tokenizer

from worker.runtimes.errors import DecodeFailed, LoadFailed

_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_OUTPUTS = ("sentence_embedding", "last_hidden_state")
_FATAL_ONLY = 4
_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
# On a GPU one batch is prepared while another is computed; more of them only wait for each other.
_GPU_LANES = 2

# Attention takes rows x heads x tokens^2 floats: 32 texts of 512 tokens would be 400 MB a layer.
_MAX_ROWS = 32
_MAX_TOKENS = 4096

_Faults = (
    faults.EPFail,
    faults.Fail,
    faults.InvalidArgument,
    faults.InvalidGraph,
    faults.InvalidProtobuf,
    faults.NoSuchFile,
    faults.NotImplemented,
    faults.RuntimeException,
)

Vectors = NDArray[np.float32]


def release() -> str:
    """The libraries that a text's vector comes from, and their releases."""
    return f"onnxruntime {onnxruntime.__version__}, tokenizers {tokenizers.__version__}"


def has_gpu() -> bool:
    """Whether this build can compute on an NVIDIA GPU, and this machine has one."""
    built = _CUDA in onnxruntime.get_available_providers()
    return built and any(any(Path("/dev").glob(name)) for name in ("nvidia[0-9]*", "dxg"))


class OnnxRuntime:
    """An ``EmbedRuntime`` of an encoder with mean pooling.

    ``threads`` is how many batches it computes at once, on a core each; 0 means all cores. On a
    GPU it is always the first that this process sees.
    """

    def __init__(
        self,
        path: Path,
        tokenizer_path: Path,
        *,
        context: int,
        threads: int = 0,
        device: str = "cpu",
    ) -> None:
        self._context = context
        self._tokenizer = _tokenizer(tokenizer_path)
        # Makes the tokenizer's own threads, which inherit the priority of whoever is the first.
        self.tokenize(("a", "b"))
        self._prefix, self._suffix = _markers(self._tokenizer)
        self._vocabulary = self._tokenizer.get_vocab_size(with_added_tokens=True)
        most = len(os.sched_getaffinity(0)) if device == "cpu" else _GPU_LANES
        self._lanes = threads or most
        self._session: Any = _session(path, device)
        self._inputs = {each.name for each in self._session.get_inputs()}
        if not {"input_ids", "attention_mask"} <= self._inputs <= _INPUTS:
            raise LoadFailed(f"{path} wants the inputs {sorted(self._inputs)}: no sentence encoder")
        outputs = [each.name for each in self._session.get_outputs()]
        found = [name for name in _OUTPUTS if name in outputs]
        if not found:
            raise LoadFailed(f"{path} has the outputs {outputs}, and none of {list(_OUTPUTS)}")
        self._output = found[0]
        longest = [*self._prefix, *self._suffix, *[0] * context][:context]
        try:
            self._dimensions = int(self._compute([longest]).shape[1])
        except DecodeFailed as error:
            raise LoadFailed(
                f"{path} cannot take {context} tokens at once: set a smaller context ({error})"
            ) from error

    @property
    def context(self) -> int:
        """Most tokens of one input, the model's own markers included."""
        return self._context

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._dimensions

    @property
    def vocabulary(self) -> int:
        """Token ids run from 0 to one less than this."""
        return self._vocabulary

    @property
    def lanes(self) -> int:
        """How many calls of ``embed`` are worth making at the same time."""
        return self._lanes

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids per text, with the model's own markers; never truncated.

        A lone surrogate, which JSON can smuggle in, is read as a question mark.
        """
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(clean)]

    def wrap(self, tokens: Sequence[int]) -> list[int]:
        """A client's own token ids with the model's markers put around where they are missing."""
        ids = list(tokens)
        if ids[: len(self._prefix)] != self._prefix:
            ids = self._prefix + ids
        if ids[len(ids) - len(self._suffix) :] != self._suffix:
            ids = ids + self._suffix
        return ids

    def embed(self, inputs: Sequence[Sequence[int]]) -> Vectors:
        """Vectors of unit length, in the order of ``inputs``.

        Raises ``DecodeFailed`` for an input that is empty, longer than ``context``, or has a
        token that the model does not know.
        """
        vectors = np.empty((len(inputs), self._dimensions), dtype=np.float32)
        for places in _groups(inputs):
            vectors[places] = self._compute([inputs[place] for place in places])
        return vectors

    def shutdown(self) -> None:
        """Return all memory; nothing may be called afterwards."""
        self._session = None

    def _compute(self, inputs: Sequence[Sequence[int]]) -> Vectors:
        ids, mask = self._padded(inputs)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        try:
            (found,) = self._session.run(
                [self._output], {name: feed[name] for name in self._inputs}
            )
        except _Faults as error:
            raise DecodeFailed(f"ONNX Runtime could not compute the batch: {error}") from error
        vectors = found if found.ndim == 2 else _mean(found, mask)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(norms).all() and norms.all()):
            raise DecodeFailed("the model computed a vector without a direction")
        unit: Vectors = vectors / norms
        return unit

    def _padded(
        self, inputs: Sequence[Sequence[int]]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        lengths = [len(tokens) for tokens in inputs]
        if not 0 < min(lengths) <= max(lengths) <= self._context:
            raise DecodeFailed(
                f"an input has 1 to {self._context} tokens, not {min(lengths)} to {max(lengths)}"
            )
        ids = np.zeros((len(inputs), max(lengths)), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(inputs):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        # Negative ids count from the end in ONNX, and would give some vector instead of an error.
        if ids.min() < 0 or ids.max() >= self._vocabulary:
            raise DecodeFailed(f"token ids run from 0 to {self._vocabulary - 1}")
        return ids, mask


def _mean(states: Vectors, mask: NDArray[np.int64]) -> Vectors:
    weights = mask.astype(np.float32)
    summed: Vectors = np.einsum("rtd,rt->rd", states, weights)
    mean: Vectors = summed / weights.sum(axis=1, keepdims=True)
    return mean


def _groups(inputs: Sequence[Sequence[int]]) -> list[list[int]]:
    """Places of ``inputs`` in batches of like length: what is padded is computed for nothing."""
    groups: list[list[int]] = []
    for place in sorted(range(len(inputs)), key=lambda place: len(inputs[place])):
        length = len(inputs[place])
        last = groups[-1] if groups else []
        if last and len(last) < _MAX_ROWS and length * (len(last) + 1) <= _MAX_TOKENS:
            last.append(place)
        else:
            groups.append([place])
    return groups


def _session(path: Path, device: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY  # its errors are raised as well as printed
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=_providers(path, device), enable_fallback=0
        )
    # A driver or a library of CUDA that is not as it should be is a bare RuntimeError.
    except (*_Faults, RuntimeError, ValueError) as error:
        raise LoadFailed(f"{path} cannot be loaded: {error}") from error
    if device != "cpu" and _CUDA not in session.get_providers():
        raise LoadFailed(
            f"{path} is to run on {device!r}, and ONNX Runtime cannot use a GPU here: check the "
            "driver, CUDA, cuDNN and CUDA_VISIBLE_DEVICES, or set device = 'cpu'"
        )
    return session


def _providers(path: Path, device: str) -> list[Any]:
    if device == "cpu":
        return [_CPU]
    if _CUDA not in onnxruntime.get_available_providers():
        raise LoadFailed(
            f"{path} is to run on {device!r}, and this build of ONNX Runtime knows only the cpu: "
            "install onnxruntime-gpu in place of onnxruntime, or set device = 'cpu'"
        )
    # CUDA and cuDNN may have come as packages of this environment, where no loader looks.
    onnxruntime.preload_dlls()
    return [(_CUDA, {"device_id": 0}), _CPU]


def _tokenizer(path: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    # The tokenizers library raises bare Exceptions.
    except Exception as error:
        raise LoadFailed(f"{path} is no tokenizer that can be read: {error}") from error
    # Files ship with both on; a text cut in silence gets the vector of another text.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _markers(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The ids that the tokenizer puts before and after a text."""
    encoding = tokenizer.encode("a")
    special = [bool(each) for each in encoding.special_tokens_mask]
    if all(special):
        return [], []
    first = special.index(False)
    last = len(special) - special[::-1].index(False)
    return encoding.ids[:first], encoding.ids[last:]
