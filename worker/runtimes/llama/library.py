"""llama.cpp as a library of this process: started once, its log led into Python's."""

from __future__ import annotations

import ctypes
import logging
import os
import threading
from collections import deque
from functools import cache
from pathlib import Path

import llama_cpp

_logger = logging.getLogger("millrace.llama")
# As in ggml.h; the table in llama_cpp._logger is off by one.
_LEVELS = {3: logging.WARNING, 4: logging.ERROR}
_CONTINUED = 5
# It warns that all slots together exceed the trained context, which only each of them must not.
_MISTAKEN = "possible training context overflow"
_lock = threading.Lock()


class _Log:
    """The lines at warning and above; ``recent`` keeps the last few for an error's sentence."""

    def __init__(self) -> None:
        self.recent: deque[str] = deque(maxlen=4)
        self._level = logging.NOTSET
        self._line = ""

    def write(self, level: int, text: bytes | None, _data: object) -> None:
        """Take a piece of a line from llama.cpp, on whichever thread it came."""
        if level != _CONTINUED:
            self._level = _LEVELS.get(level, logging.NOTSET)
        if self._level == logging.NOTSET or not text:
            return
        self._line += text.decode("utf-8", "replace")
        if self._line.endswith("\n"):
            line, self._line = self._line.strip(), ""
            if line and _MISTAKEN not in line:
                self.recent.append(line)
                _logger.log(self._level, "%s", line)


_log = _Log()
# llama.cpp keeps the address: the object has to live as long as the process.
_callback = llama_cpp.llama_log_callback(_log.write)


@cache
def _started() -> None:
    llama_cpp.llama_log_set(_callback, ctypes.c_void_p(0))
    _choose_variant(Path(llama_cpp.__file__).parent / "lib")
    llama_cpp.llama_backend_init()


def _choose_variant(folder: Path) -> None:
    """Load the best of a portable build's variants for this CPU; other builds have none.

    By the handle of libllama: opening libggml by its path may give a second copy, whose registry
    nobody asks.
    """
    if any(folder.glob("libggml-cpu-*.so")):
        load = llama_cpp.llama_cpp._lib.ggml_backend_load_all_from_path
        load.argtypes, load.restype = [ctypes.c_char_p], None
        load(os.fsencode(folder))


def release() -> str:
    """The release of the bindings, which ship llama.cpp of one certain day."""
    return f"llama-cpp-python {llama_cpp.__version__}"


def start() -> None:
    """Make llama.cpp ready; any call but the first does nothing."""
    with _lock:
        _started()


def hear_mtmd() -> None:
    """Lead the log of the part that sees into the same; may be repeated."""
    # Imported here: a build may lack it, and few models need it.
    from llama_cpp import mtmd_cpp

    with _lock:
        mtmd_cpp.mtmd_log_set(_callback, ctypes.c_void_p(0))


def forget_log() -> None:
    """Begin a stretch of the log that ``reason`` will tell of."""
    _log.recent.clear()


def reason() -> str:
    """What llama.cpp logged since ``forget_log``, as the end of an error's sentence."""
    return "; ".join(_log.recent) or "llama.cpp gives no reason"
