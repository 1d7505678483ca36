"""Which GPUs this process sees: the one that its model was given, or none.

CUDA reads the environment once, when it is first used: this has to happen before any library that
computes is imported.
"""

from __future__ import annotations

from collections.abc import MutableMapping


def pin(device: str, environment: MutableMapping[str, str]) -> None:
    """Hide every GPU but the one that ``device`` names, all of them for ``cpu``.

    ``cuda`` and ``any`` leave the choice to whoever started the process. Indices are those of the
    driver's own list; where some GPUs are hidden already, they count those that are not.
    """
    if device == "cpu":
        # A build for CUDA would take some hundred MB of each GPU that it sees, and use it.
        environment["CUDA_VISIBLE_DEVICES"] = ""
    elif device.startswith("cuda:"):
        index = int(device.removeprefix("cuda:"))
        environment.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
        visible = environment.get("CUDA_VISIBLE_DEVICES")
        names = [str(index)] * (index + 1) if visible is None else visible.split(",")
        environment["CUDA_VISIBLE_DEVICES"] = names[index] if index < len(names) else ""
