"""The catalog: which models there are, where their files lie, and which queue leads to them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from tasks.errors import UnknownModel
from tasks.settings import QueueSettings

Kind = Literal["chat", "embed", "multimodal"]
RuntimeName = Literal["llama", "onnx", "echo"]

NAME = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"


class CatalogError(Exception):
    """Raised when the catalog, or a source that it names, cannot be used as written."""


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[model]]`` table. ``context`` is tokens per slot; ``threads`` 0 means all cores.

    ``created_at`` is in seconds since the epoch; left out, it is the catalog file's.
    ``source`` is ``package:<import name>/<path>``, ``path:<file>``, ``hf:<owner>/<repo>/<file>``
    or ``echo:``. ``tokens_per_s`` sets the echo runtime's speed per slot (0: as fast as it goes).
    ``speculative`` is how many tokens are guessed ahead by prompt lookup (0: none).
    ``max_waiting`` is how many jobs may wait for the model; left out, the settings say it.
    """

    name: str
    kind: Kind
    source: str
    aliases: tuple[str, ...] = ()
    runtime: RuntimeName | None = None
    tokenizer: str | None = None
    device: str = "cpu"
    slots: int = 8
    context: int = 2048
    threads: int = 0
    tokens_per_s: float = 0.0
    speculative: int = 0
    max_waiting: int | None = None
    created_at: int = 0

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


class _File(msgspec.Struct, forbid_unknown_fields=True):
    model: list[Model] = []


class Catalog:
    """The models by name and alias, in the file's order."""

    def __init__(self, models: tuple[Model, ...]) -> None:
        self.models = models
        self._by_name: dict[str, Model] = {}
        for model in models:
            _check(model)
            for name in (model.name, *model.aliases):
                if name in self._by_name:
                    raise CatalogError(f"the name {name!r} is used twice")
                self._by_name[name] = model

    def __iter__(self) -> Iterator[Model]:
        return iter(self.models)

    def find(self, name: str) -> Model:
        """The model called ``name``; ``UnknownModel`` when there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownModel(
                f"The model {name!r} does not exist. GET /v1/models lists those that do.",
                param="model",
            ) from None

    def of_queue(self, queue: str) -> Model:
        """The model that ``queue`` leads to; ``CatalogError`` when there is none."""
        for model in self.models:
            if model.queue == queue:
                return model
        known = ", ".join(model.queue for model in self.models)
        raise CatalogError(f"no model has the queue {queue!r}; the catalog has {known}")


def load_catalog(settings: QueueSettings) -> Catalog:
    """The catalog of ``settings.models_file`` and of the environment's shortcuts.

    Raises ``CatalogError`` that names the file and the entry at fault.
    """
    path = settings.models_file
    try:
        tables = tomllib.loads(path.read_text())
        for table in filter(lambda entry: isinstance(entry, dict), tables.get("model", [])):
            table.setdefault("created_at", int(path.stat().st_mtime))
            if settings.engine_workers:
                table.setdefault("slots", settings.engine_workers)
        models = msgspec.convert(tables, _File).model
        return Catalog((*models, *_shortcuts(settings)))
    except FileNotFoundError:
        raise CatalogError(
            f"{path} does not exist: create it, or set MILLRACE_MODELS_FILE"
        ) from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, CatalogError) as error:
        raise CatalogError(f"{path}: {error}") from error


def _shortcuts(settings: QueueSettings) -> Iterator[Model]:
    slots = settings.engine_workers or 8
    if path := settings.llama_model_path:
        yield Model(name="llama-cpp", kind="chat", source=f"path:{path}", slots=slots)
    if path := settings.onnx_embedding_model_path:
        yield Model(
            name="onnx-embedding", kind="embed", source=f"path:{path}", slots=slots, context=512
        )


def _check(model: Model) -> None:
    import re

    for name in (model.name, *model.aliases):
        if not re.fullmatch(NAME, name):
            raise CatalogError(f"{name!r} is no model name: letters, digits and . _ : / - only")
    if not 1 <= model.slots <= 256:
        raise CatalogError(f"{model.name}: slots must be 1 to 256, not {model.slots}")
    if not 16 <= model.context <= 1_048_576:
        raise CatalogError(f"{model.name}: context must be 16 to 1048576, not {model.context}")
    if not 0 <= model.speculative <= 32:
        raise CatalogError(f"{model.name}: speculative must be 0 to 32, not {model.speculative}")
    if model.max_waiting is not None and model.max_waiting < 1:
        raise CatalogError(f"{model.name}: max_waiting must be at least 1")
    if model.threads < 0 or model.tokens_per_s < 0:
        raise CatalogError(f"{model.name}: threads and tokens_per_s must not be negative")
    if model.engine == "onnx" and model.kind != "embed":
        raise CatalogError(f"{model.name}: the onnx runtime serves kind 'embed' only")
    if model.engine == "llama" and model.kind == "embed":
        raise CatalogError(f"{model.name}: the llama runtime serves kinds 'chat' and 'multimodal'")


def package_file(reference: str) -> Path:
    """The file ``<import name>/<path>`` inside an installed package, which is not imported.

    Importing a model's package may run anything (one of ours would load llama_cpp); its files
    are found through its spec alone. Raises ``CatalogError`` when package or file is missing.
    """
    package, _, inner = reference.partition("/")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise CatalogError(f"the package {package!r} is not installed")
    folder = Path(next(iter(spec.submodule_search_locations))).resolve()
    file = (folder / inner).resolve()
    if not file.is_relative_to(folder) or not file.is_file():
        raise CatalogError(f"the package {package!r} has no file {inner!r}")
    return file
