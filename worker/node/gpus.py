"""The GPUs of this machine, as NVIDIA's driver tells of them; nothing of CUDA is loaded.

A driver that is absent, broken or of another age means no GPUs, with a reason, and never an error:
the models that need none are served all the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from tasks.fleet import Gpu


class Driver:
    """The driver, asked again and again. Opened once: that may take seconds."""

    def __init__(self) -> None:
        self._nvml: Any = None

    def gpus(self, visible: str | None) -> tuple[tuple[Gpu, ...], str]:
        """The GPUs, or the reason for none.

        ``visible`` is the node's own CUDA_VISIBLE_DEVICES: what is hidden there is not offered,
        and indices count those that are named, as they do for CUDA.
        """
        try:
            nvml: Any = import_module("pynvml")  # it has no types
        except ImportError:
            return (), "the package nvidia-ml-py is not installed"
        try:
            if self._nvml is None:
                nvml.nvmlInit()
                self._nvml = nvml
            found = tuple(_visible(list(_all(nvml)), visible))
        except Exception as error:  # noqa: BLE001 - a driver that cannot be asked is no driver
            self._close()
            missing = isinstance(error, getattr(nvml, "NVMLError_LibraryNotFound", ()))
            return (), "no NVIDIA driver found" if missing else f"its NVIDIA driver says: {error}"
        hidden = "CUDA_VISIBLE_DEVICES hides them" if visible is not None else "its driver has none"
        return found, "" if found else hidden

    def _close(self) -> None:
        """Open it anew the next time: it may have been loaded again."""
        nvml, self._nvml = self._nvml, None
        if nvml is not None:
            with contextlib.suppress(Exception):
                nvml.nvmlShutdown()


def _all(nvml: Any) -> Iterator[tuple[str, Gpu]]:
    """Every GPU by its lasting name, numbered as on the bus."""
    for index in range(nvml.nvmlDeviceGetCount()):
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        name, lasting = nvml.nvmlDeviceGetName(handle), nvml.nvmlDeviceGetUUID(handle)
        yield _text(lasting), Gpu(index, _text(name), int(memory.total), int(memory.free))


def _visible(gpus: list[tuple[str, Gpu]], visible: str | None) -> Iterator[Gpu]:
    if visible is None:
        yield from (gpu for _, gpu in gpus)
        return
    for index, word in enumerate(visible.split(",")):
        named = [
            gpu
            for lasting, gpu in gpus
            if word.strip() == str(gpu.index) or (word.strip() and lasting.startswith(word.strip()))
        ]
        if len(named) != 1:
            return  # CUDA too goes no further than the first that it does not know
        yield Gpu(index, named[0].name, named[0].memory_bytes, named[0].free_bytes)


def _text(name: str | bytes) -> str:
    """Older releases of the package give bytes."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name
