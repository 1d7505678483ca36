"""``llama_smoke.py`` with one variant of a portable build, named on the command line.

Exit status: as there, and 4 when this CPU cannot run the variant.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file

from scripts import llama_smoke

CANNOT_RUN_HERE = 4


def main(variant: str) -> int:
    """Load nothing but this variant, then compute with it."""
    import ctypes

    import llama_cpp

    # By libllama's own handle: a library that is opened by its path may be a second copy of the
    # one that libllama is linked to, with a registry of its own.
    ggml = llama_cpp.llama_cpp._lib
    file = Path(llama_cpp.__file__).parent / "lib" / f"libggml-cpu-{variant}.so"
    score = ctypes.CDLL(str(file), mode=os.RTLD_LAZY).ggml_backend_score
    if score() == 0:
        print("not for this CPU")
        return CANNOT_RUN_HERE
    ggml.ggml_backend_load.argtypes = [ctypes.c_char_p]
    ggml.ggml_backend_load.restype = ctypes.c_void_p
    if not ggml.ggml_backend_load(os.fsencode(file)):
        print(f"{file.name} cannot be loaded")
        return llama_smoke.WRONG
    sys.argv[1:] = []
    return llama_smoke.main()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
