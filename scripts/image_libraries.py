"""The layer of an image that seldom changes: ``.venv`` with all libraries, llama.cpp compiled.

``deploy/Dockerfile`` runs it with nothing of Millrace but ``requirements/`` and the scripts that
compile, so that a change of Millrace's code repeats none of it. Other than ``install.py`` it
builds for machines that nobody has seen yet, and installs neither a Redis nor what tests need.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file, before all else

from scripts import install, llama_portable
from scripts.console import SetupError, duration, must_run, say, step
from scripts.llama_build import Machine, build_wheel, cached_wheel
from scripts.prerequisites import check_python, find_compiler

# The extras of pyproject.toml that a container may be told to use by its environment alone.
EXTRAS = (
    *("flower",),
    *("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"),
    *("s3fs",),
)


def main() -> int:
    """Install; 1 and a sentence when that is impossible."""
    begun = time.monotonic()
    try:
        check_python()
        os.environ["MILLRACE_BUILD"] = install.build()
        install.ensure_venv()
        with step("installing the libraries"):
            sys.argv.append(install.NO_DEV)
            install.install_libraries()
            must_run([*install.PIP, *EXTRAS], install.LOG, "installing the extras")
        if install.build() == "cuda":
            install.install_llama()
        else:
            install_portable_llama()
    except SetupError as error:
        print(f"\nThe image's libraries could not be installed: {error}", file=sys.stderr)
        return 1
    say(f"Installed in {duration(time.monotonic() - begun)}.")
    return 0


def install_portable_llama() -> None:
    """Build llama.cpp with every variant, and prove those that this CPU can run."""
    compiler = find_compiler()
    if compiler is None:
        raise SetupError("no C++ compiler found")
    machine = Machine.here(compiler)
    tier = llama_portable.tier(machine)
    version = install.pinned("llama-cpp-python")
    wheel = cached_wheel(version, tier, machine)
    if wheel is None:
        with step(f"compiling llama.cpp for {', '.join(llama_portable.VARIANTS)}"):
            wheel = build_wheel(install.PYTHON, version, tier, machine, install.LOG)
    must_run([*install.PIP, "--no-deps", wheel], install.LOG, "installing llama.cpp")
    with step("checking that each variant computes correctly"):
        said, wrong = llama_portable.prove(install.PYTHON)
        for name, words in said.items():
            say(f"  {name}: {words}")
        if wrong:
            raise SetupError("a variant of llama.cpp does not work:\n" + "\n".join(wrong))


if __name__ == "__main__":
    # As for install.py: CMAKE_ARGS, CC and CXX reach the build, PYTHONPATH must not reach pip.
    os.environ.pop("PYTHONPATH", None)
    sys.exit(main())
