"""Whether a model's files can be loaded, found out in a process that may die of them.

The law of this package: the process that asks imports no inference library, and whatever a file
does to its loader ends as a ``LoadFailed`` there. The bounded checks (``gguf``, ``onnx_check``)
find what contradicts the format; what a loader makes of a file that is consistent and wrong, only
the loader knows.
"""

from worker.probe.soundness import require_sound

__all__ = ["require_sound"]
