"""Sources of a definition that came over the network: what they may name.

The worker that loads the model looks again: links may lead elsewhere on its machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from app.openai.errors import BadRequest

_FORMS = "path:<file>, package:<import name>/<path>, hf:<owner>/<repo>/<file> or echo:"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PACKAGE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_STEPS = ("", ".", "..")


def checked_source(source: str, param: str, folders: Sequence[Path]) -> str:
    """``source`` as it is kept, a path without ``..`` in its middle; ``BadRequest`` for others.

    A file must lie in one of ``folders``, as its path reads and where its links lead.
    """
    scheme, _, rest = source.partition(":")
    if _CONTROL.search(source):
        raise BadRequest(f"'{param}' holds a control character: leave it out.", param=param)
    match scheme:
        case "path" if rest:
            return f"path:{_path_inside(rest, param, folders)}"
        case "package" if rest:
            _check_package(rest, param)
        case "hf" if rest:
            _check_hub(rest, param)
        case "echo" if source == "echo:":
            pass
        case _:
            raise BadRequest(f"'{param}' must be {_FORMS}, not {source!r}.", param=param)
    return source


def _path_inside(name: str, param: str, folders: Sequence[Path]) -> str:
    if name.startswith("~"):
        raise BadRequest(
            f"'{param}' must not begin with '~', which is another folder for each who reads it:"
            " write the whole path.",
            param=param,
        )
    # What is kept is what was checked: of '..' behind a link the two readings differ.
    path = os.path.normpath(name)
    if not any(_lies_in(path, folder) for folder in folders):
        raise BadRequest(
            f"'{param}' must name a file in {_listed(folders)}, by its path and by where links"
            " lead: put the file there, or add its folder to MILLRACE_MODEL_FOLDERS.",
            param=param,
        )
    return path


def _lies_in(path: str, folder: Path) -> bool:
    # Not Path.absolute alone: it leaves the '..' of a relative path in.
    plain = Path(os.path.normpath(Path(path).absolute()))
    if not plain.is_relative_to(os.path.normpath(folder)) or plain == folder:
        return False
    try:
        # What does not exist here may exist on another machine: only what is here is followed.
        return plain.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        return False


def _listed(folders: Sequence[Path]) -> str:
    return " or ".join(map(str, folders))


def _check_package(rest: str, param: str) -> None:
    name, _, path = rest.partition("/")
    # To find a package inside a package Python imports the outer one, which may run anything.
    if not _PACKAGE.fullmatch(name) or any(step in _STEPS for step in path.split("/")):
        raise BadRequest(
            f"'{param}' must be package:<import name>/<path>, the name without dots and the path"
            f" without empty parts and '..', not 'package:{rest}'.",
            param=param,
        )


def _check_hub(rest: str, param: str) -> None:
    owner, _, inside = rest.partition("/")
    repository, _, file = inside.partition("/")
    names = (owner, repository)
    if not all(map(_HUB_NAME.fullmatch, names)) or any(s in _STEPS for s in file.split("/")):
        raise BadRequest(
            f"'{param}' must be hf:<owner>/<repo>/<file>, without empty parts and '..',"
            f" not 'hf:{rest}'.",
            param=param,
        )
