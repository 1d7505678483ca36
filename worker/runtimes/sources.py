"""Where a model's files lie: a source names one, and it is found on this machine or fetched.

A definition that came over the network (``Model.restricted``) names files of this machine only
inside the folders that ``MILLRACE_MODEL_FOLDERS`` allows, links followed. Packages and the hub's
cache hold what an administrator of this machine put there, so their files may be named freely.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.catalog import package_file
from tasks.model import CatalogError, Model
from worker.runtimes import hub
from worker.runtimes.errors import LoadFailed

_FORMS = "package:<import name>/<path>, path:<file> or hf:<owner>/<repo>/<file>"


@dataclass(frozen=True, slots=True)
class Files:
    """A model's files; None where the model has no such file.

    ``missing`` are the sources that must be fetched before there is a file; None stands for them.
    """

    source: Path | None
    tokenizer: Path | None = None
    mmproj: Path | None = None
    missing: tuple[str, ...] = ()

    @property
    def present(self) -> tuple[Path, ...]:
        """Those that lie on this machine."""
        return tuple(path for path in (self.source, self.tokenizer, self.mmproj) if path)


def resolve(source: str) -> Path:
    """The file that ``source`` names; a Hugging Face file is fetched into its own cache first.

    Raises ``LoadFailed`` that says what to do, for a source of no known form as well as for a
    file that is missing, no file, or not to be had.
    """
    found = _look(source, hub.fetch)
    assert found is not None
    return found


def locate(source: str) -> Path | None:
    """The file that ``source`` names, nothing fetched; None where ``resolve`` would fetch it.

    Cheap: no library that computes or fetches is imported. Raises ``LoadFailed`` as ``resolve``.
    """
    return _look(source, hub.cached)


def files_of(model: Model, allowed: Sequence[Path], *, fetch: bool) -> Files:
    """The files of ``model``, which are in the ``allowed`` folders where it is restricted.

    With ``fetch`` none is missing. Raises ``LoadFailed`` for the first that cannot be served.
    """
    if model.engine == "echo":
        return Files(None)
    sources = {"source": model.source, "tokenizer": tokenizer_of(model), "mmproj": model.mmproj}
    found: dict[str, Path | None] = {}
    for part, source in sources.items():
        if model.restricted and source:
            _require_allowed(source, allowed)
        look = resolve if fetch else locate
        found[part] = look(source) if source else None
    missing = [source for part, source in sources.items() if source and not found[part]]
    return Files(**found, missing=tuple(missing))


def tokenizer_of(model: Model) -> str | None:
    """The source of the model's tokenizer: as stated, else the file beside an ONNX model's own."""
    if model.tokenizer or model.engine != "onnx":
        return model.tokenizer
    scheme, _, rest = model.source.partition(":")
    folder, slash, _ = rest.rpartition("/")
    return f"{scheme}:{folder}{slash}tokenizer.json"


def _look(source: str, in_hub: Callable[[str], Path | None]) -> Path | None:
    scheme, colon, rest = source.partition(":")
    if not colon or not rest:
        raise LoadFailed(f"{source!r} is no model source: write {_FORMS}")
    if scheme == "path":
        return _path(rest)
    if scheme == "package":
        return _package(source, rest)
    if scheme == "hf":
        return in_hub(rest)
    raise LoadFailed(f"{source!r} has the unknown scheme {scheme!r}: write {_FORMS}")


def _package(source: str, reference: str) -> Path:
    try:
        return package_file(reference)
    except CatalogError as error:
        raise LoadFailed(f"{source}: {error}; pip installs it") from error
    except (ImportError, ValueError, OSError) as error:
        raise LoadFailed(f"{source}: the package cannot be found: {error}") from error


def _path(name: str) -> Path:
    try:
        # Not resolved: in a hub's cache a file is a link to a blob, and what lies beside the link
        # (a tokenizer.json) does not lie beside the blob.
        path = Path(name).expanduser().absolute()
        if path.is_dir():
            raise LoadFailed(f"{path} is a folder: name the model's file inside it")
        if not path.is_file():
            raise LoadFailed(f"{path} does not exist: put the model's file there")
    except (OSError, RuntimeError, ValueError) as error:
        raise LoadFailed(f"path:{name} cannot be looked up: {error}") from error
    return path


def _require_allowed(source: str, allowed: Sequence[Path]) -> None:
    """Refuse a restricted model's file that lies, links followed, in no allowed folder.

    Asked before whether it exists: the answer must not tell what lies elsewhere on the machine.
    """
    scheme, _, rest = source.partition(":")
    if scheme == "package" and "." in rest.partition("/")[0]:
        # To find what is inside a package Python imports it, and that may run anything.
        raise LoadFailed(f"{source}: name the outermost package, and the folders in it by slashes")
    if scheme != "path":
        return
    try:
        real = Path(rest).expanduser().resolve()
        if any(real.is_relative_to(folder.resolve()) for folder in allowed):
            return
    except (OSError, RuntimeError, ValueError) as error:
        raise LoadFailed(f"{source} cannot be looked up: {error}") from error
    folders = ", ".join(str(folder) for folder in allowed) or "none"
    raise LoadFailed(
        f"{source} lies outside the folders for models that are added at run time ({folders}): "
        "put the file there, or name its folder in MILLRACE_MODEL_FOLDERS"
    )
