"""Chat models in GGUF files, computed by llama.cpp.

The law of this package: it alone imports ``llama_cpp``, and of that only the bindings of the C
functions, never the ``Llama`` class. Every pointer has one owner, which frees it: the model and
the context belong to ``runtime``, a sampler chain to its ``Chain``, a batch to its ``Batch``.
"""

import os

from worker.runtimes.llama import openmp

openmp.settle(os.environ, switchable=openmp.switchable())

# Only now: the import loads libgomp, and libgomp reads the environment.
from worker.runtimes.llama.runtime import LlamaRuntime  # noqa: E402

__all__ = ["LlamaRuntime"]
