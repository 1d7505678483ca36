"""How llama.cpp's threads wait for each other: decided before libgomp is loaded and asks.

The team of a model meets at barriers several times per layer, and libgomp spins there. Alone, a
long spin is the fastest way to wait: a short one costs 10 to 15%. Beside somebody who needs the
core it is the worst: two models that generated at once got 3 tokens/s each. libgomp knows two
lengths, one for the normal case and one for when its threads outnumber the cores; ``waiting``
switches between them while the model runs.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping
from importlib.util import find_spec
from pathlib import Path

from worker.runtimes.llama import queueing

LONG = "300000"
"""Rounds of a normal wait: libgomp's own default, 3 ms."""

SHORT = "1000"
"""Rounds that are a compromise for both cases, where nobody can switch."""

_OURS = {"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": LONG}
# With this policy libgomp waits 1000 rounds when its threads outnumber the cores; without it
# 100, which is too short even there (35 tokens/s).


def settle(environ: MutableMapping[str, str], *, switchable: bool) -> None:
    """Choose how threads wait, unless the administrator did."""
    if any(name in environ for name in _OURS):
        return
    environ.update(_OURS if switchable else {"GOMP_SPINCOUNT": SHORT})


def switches(environ: Mapping[str, str]) -> bool:
    """Whether ``settle`` chose what ``waiting`` is to switch, here or in a parent process."""
    return all(environ.get(name) == value for name, value in _OURS.items())


def switchable() -> bool:
    """Whether this build waits in libgomp, and the kernel tells how long threads queue."""
    if not sys.platform.startswith("linux") or queueing.read() is None:
        return False
    spec = find_spec("llama_cpp")
    folders = spec.submodule_search_locations if spec else None
    # One, or of a portable build one for each kind of CPU, all compiled alike.
    libraries = (Path(next(iter(folders or ()), "")) / "lib").glob("libggml-cpu*.so")
    try:
        return any(b"\0libgomp.so.1\0" in library.read_bytes() for library in libraries)
    except OSError:
        return False
