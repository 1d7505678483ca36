"""The catalog: which models there are, where their files lie, and which queue leads to them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import msgspec

from tasks.errors import UnknownModel
from tasks.model import CatalogError, Model, check
from tasks.settings import QueueSettings


class _File(msgspec.Struct, forbid_unknown_fields=True):
    model: list[Model] = []


class Catalog:
    """The models by name and alias, in the file's order.

    ``look_again`` is asked for a name that is not there: it may have been added since.
    """

    def __init__(
        self, models: tuple[Model, ...], look_again: Callable[[str], Model | None] | None = None
    ) -> None:
        self.models = models
        self._look_again = look_again
        self._by_name: dict[str, Model] = {}
        for model in models:
            check(model)
            for name in (model.name, *model.aliases):
                if name in self._by_name:
                    raise CatalogError(f"the name {name!r} is used twice")
                self._by_name[name] = model

    def __iter__(self) -> Iterator[Model]:
        return iter(self.models)

    def find(self, name: str) -> Model:
        """The model called ``name``; ``UnknownModel`` when there is none."""
        found = self._by_name.get(name)
        if found is None and self._look_again is not None:
            found = self._look_again(name)
        if found is None:
            raise UnknownModel(
                f"The model {name!r} does not exist. GET /v1/models lists those that do.",
                param="model",
            )
        return found

    def has(self, name: str) -> bool:
        """Whether a model bears ``name``, as its own or as an alias."""
        return name in self._by_name

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


def package_file(reference: str) -> Path:
    """The file ``<import name>/<path>`` inside an installed package, which is not imported.

    Importing a model's package may run anything (one of ours would load llama_cpp); its files
    are found through its spec alone. Raises ``CatalogError`` when package or file is missing.
    """
    package, _, inner = reference.partition("/")
    spec = find_spec(package)
    # A folder without code is a package too, to Python: any folder beside the program, data/ say.
    if spec is None or spec.origin is None or not spec.submodule_search_locations:
        raise CatalogError(f"the package {package!r} is not installed")
    folder = Path(next(iter(spec.submodule_search_locations))).resolve()
    file = (folder / inner).resolve()
    if not file.is_relative_to(folder) or not file.is_file():
        raise CatalogError(f"the package {package!r} has no file {inner!r}")
    return file
