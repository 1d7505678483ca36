"""A model's definition: one ``[[model]]`` table of the catalog, or what was added at run time."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

import msgspec

Kind = Literal["chat", "embed", "multimodal"]
RuntimeName = Literal["llama", "onnx", "echo"]
KvType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]

NAME = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"
DEVICE = r"^(cpu|any|cuda(:\d{1,2})?)$"
SHA256 = r"^[0-9a-f]{64}$"

# Of ggml; with thousands of them a loader hangs, and with more it crashes.
MOST_THREADS = 512

# What says nothing about the process that serves the model: a change of these restarts no worker.
_BESIDE = ("aliases", "max_waiting", "ttl_s", "preload", "pinned", "replicas", "created_at")


class CatalogError(Exception):
    """Raised when the catalog, or a source that it names, cannot be used as written."""


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[model]]`` table. ``context`` is tokens per slot; ``threads`` 0 means all cores.

    ``created_at`` is in seconds since the epoch; left out, it is the catalog file's.
    ``source`` is ``package:<import name>/<path>``, ``path:<file>``, ``hf:<owner>/<repo>/<file>``
    or ``echo:``. ``tokens_per_s`` sets the echo runtime's speed per slot (0: as fast as it goes).
    ``speculative`` is how many tokens are guessed ahead by prompt lookup (0: none).
    ``max_waiting`` is how many jobs may wait for the model; left out, the settings say it.

    Where and when it is loaded: ``device`` is ``cpu``, ``cuda``, ``cuda:<index>`` or ``any``;
    ``replicas`` is on how many nodes (they share its queue); ``preload`` loads it before anybody
    asks; after ``ttl_s`` of idleness it is unloaded (0: never); a ``pinned`` one never makes room
    for another. ``memory_mb`` takes the place of the node's own estimate of what it needs.

    Of the llama runtime: ``n_gpu_layers`` (-1: all), ``kv_type`` of keys and values,
    ``flash_attention`` (None: as llama.cpp thinks best), ``mmproj`` the source of what lets a
    ``multimodal`` model see. ``sha256`` pins the file of ``source``. A ``restricted`` definition
    came over the network: its files must lie where the settings allow.
    """

    name: str
    kind: Kind
    source: str
    aliases: tuple[str, ...] = ()
    runtime: RuntimeName | None = None
    tokenizer: str | None = None
    mmproj: str | None = None
    sha256: str | None = None
    device: str = "cpu"
    slots: int = 8
    context: int = 2048
    threads: int = 0
    n_gpu_layers: int = -1
    kv_type: KvType = "f16"
    flash_attention: bool | None = None
    tokens_per_s: float = 0.0
    speculative: int = 0
    max_waiting: int | None = None
    memory_mb: int | None = None
    ttl_s: float = 0.0
    preload: bool = True
    pinned: bool = False
    replicas: int = 1
    created_at: int = 0
    restricted: bool = False

    @property
    def queue(self) -> str:
        """The Celery queue that leads to this model, and to no other."""
        return f"{'embed' if self.kind == 'embed' else 'chat'}.{self.name}"

    @property
    def engine(self) -> RuntimeName:
        """The runtime that reads ``source``: as stated, else told by the file's name."""
        if self.runtime:
            return self.runtime
        if self.source.startswith("echo:"):
            return "echo"
        return "onnx" if self.source.endswith(".onnx") else "llama"

    @property
    def sees(self) -> bool:
        """Whether its messages may hold images."""
        return self.kind == "multimodal"

    @property
    def fingerprint(self) -> str:
        """What a worker must be started anew for when it changes; 16 hexadecimal digits."""
        facts = msgspec.to_builtins(self)
        for name in _BESIDE:
            del facts[name]
        return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()[:16]


def check(model: Model) -> None:
    """Raise ``CatalogError`` for a definition that cannot be served as written."""
    for name in (model.name, *model.aliases):
        if not re.fullmatch(NAME, name):
            raise CatalogError(f"{name!r} is no model name: letters, digits and . _ : / - only")
    if len({model.name, *model.aliases}) <= len(model.aliases):
        raise CatalogError(f"{model.name}: each name and alias must be another")
    _check_ranges(model)
    if not re.fullmatch(DEVICE, model.device):
        raise CatalogError(
            f"{model.name}: device must be cpu, cuda, cuda:<index> or any, not {model.device!r}"
        )
    if model.sha256 is not None and not re.fullmatch(SHA256, model.sha256):
        raise CatalogError(f"{model.name}: sha256 must be 64 hexadecimal digits, in lower case")
    _check_kind(model)


def _check_ranges(model: Model) -> None:
    for name, least, most in (
        ("slots", 1, 256),
        ("context", 16, 1_048_576),
        ("speculative", 0, 32),
        ("n_gpu_layers", -1, 10_000),
        ("replicas", 1, 1_000),
        ("threads", 0, MOST_THREADS),
    ):
        value = getattr(model, name)
        if not least <= value <= most:
            raise CatalogError(f"{model.name}: {name} must be {least} to {most}, not {value}")
    for name in ("max_waiting", "memory_mb"):
        value = getattr(model, name)
        if value is not None and value < 1:
            raise CatalogError(f"{model.name}: {name} must be at least 1")
    if model.tokens_per_s < 0 or model.ttl_s < 0:
        raise CatalogError(f"{model.name}: tokens_per_s and ttl_s must not be negative")


def _check_kind(model: Model) -> None:
    if model.engine == "onnx" and model.kind != "embed":
        raise CatalogError(f"{model.name}: the onnx runtime serves kind 'embed' only")
    if model.engine == "llama" and model.kind == "embed":
        raise CatalogError(f"{model.name}: the llama runtime serves kinds 'chat' and 'multimodal'")
    if model.mmproj is not None and model.kind != "multimodal":
        raise CatalogError(f"{model.name}: mmproj is for kind 'multimodal', not {model.kind!r}")
    if model.engine == "llama" and model.kind == "multimodal" and model.mmproj is None:
        raise CatalogError(
            f"{model.name}: kind 'multimodal' needs mmproj, the source of its image projector"
        )
