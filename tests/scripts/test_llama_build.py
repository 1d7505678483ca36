"""How llama.cpp is built: flags by compiler and CPU, safer tiers, a cache that cannot mislead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scripts import install, llama_build
from scripts.console import SetupError
from scripts.install import Verdict, first_that_works, pinned
from scripts.llama_build import (
    BASELINE,
    NO_AMX,
    PLAIN,
    PORTABLE,
    STORES_KEPT,
    Machine,
    Tier,
    build_wheel,
    cached_wheel,
    cmake_args,
    ninja_steps,
    wheel_folder,
)
from scripts.prerequisites import Compiler

GCC = "#define __GNUC__ 12\n"
CLANG = GCC + "#define __clang__ 1\n"
AMX = "#define __AMX_INT8__ 1\n"
HERE = Machine("x86_64", "flags : fpu avx avx2 amx_int8", "glibc 2.36", Compiler("c", "d"), GCC)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CMAKE_ARGS", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("macros", "tiers"),
    [
        (GCC + AMX, [STORES_KEPT, NO_AMX, PORTABLE]),
        (CLANG + AMX, [PLAIN, NO_AMX, PORTABLE]),
        (GCC, [PLAIN, PORTABLE]),
    ],
)
def test_flags_follow_compiler_and_cpu(macros: str, tiers: list[Tier]) -> None:
    """GCC that emits AMX keeps its stores from the start; without AMX nothing is given up."""
    assert replace(HERE, macros=macros).tiers() == tiers


def test_old_cpu_gets_a_baseline() -> None:
    """A CPU without AVX2 is not handed the portable build, which takes AVX2 for granted."""
    assert replace(HERE, cpu_flags="flags : fpu sse2").tiers() == [PLAIN, BASELINE]


def test_flags_reach_the_cpp_compiler_alone() -> None:
    """The flags go into CMAKE_CXX_FLAGS as one argument, and nowhere else."""
    assert cmake_args(STORES_KEPT) == ["-DCMAKE_CXX_FLAGS=-fno-tree-dse -fno-dse"]


def test_arguments_of_the_user_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """CMAKE_ARGS of the environment is kept, after the tier's own arguments."""
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_CUDA=on")
    assert cmake_args(PORTABLE) == ["-DGGML_NATIVE=OFF", "-DGGML_CUDA=on"]


def test_cache_distinguishes_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version, build, CPU, compiler or argument is another wheel."""
    folders = [
        wheel_folder("1", PLAIN, HERE),
        wheel_folder("2", PLAIN, HERE),
        wheel_folder("1", NO_AMX, HERE),
        wheel_folder("1", PLAIN, replace(HERE, cpu_flags="flags : fpu")),
        wheel_folder("1", PLAIN, replace(HERE, macros=CLANG)),
        wheel_folder("1", PLAIN, replace(HERE, compiler=Compiler("x", "y"))),
    ]
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_CUDA=on")
    folders.append(wheel_folder("1", PLAIN, HERE))
    assert len(set(folders)) == len(folders)


def test_finished_wheel_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build ends up in the cache, in one move, with its arguments passed to the compiler run."""

    def fake_pip(command: list[str], log: Path, *, env: dict[str, str], on_line: object) -> int:
        assert "-DCMAKE_CXX_FLAGS=-fno-tree-dse -fno-dse" in env["CMAKE_ARGS"]
        assert "llama_slim.cmake" in env["CMAKE_ARGS"]
        (Path(command[command.index("-w") + 1]) / "llama.whl").write_text("wheel")
        return 0

    monkeypatch.setattr(llama_build, "run_logged", fake_pip)
    assert cached_wheel("1", STORES_KEPT, HERE) is None
    wheel = build_wheel(Path("python"), "1", STORES_KEPT, HERE, tmp_path / "log")
    assert cached_wheel("1", STORES_KEPT, HERE) == wheel
    assert [file.name for file in wheel.parent.iterdir()] == ["llama.whl"]
    assert not list(wheel.parent.parent.glob("building-*"))


def test_failed_build_shows_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compile error is a message with the log's last lines, and leaves no wheel."""
    log = tmp_path / "log"
    log.write_text("cc1plus: out of memory\n")
    monkeypatch.setattr(llama_build, "run_logged", lambda *_, **__: 1)
    with pytest.raises(SetupError, match="out of memory"):
        build_wheel(Path("python"), "1", PLAIN, HERE, log)
    assert cached_wheel("1", PLAIN, HERE) is None


def test_progress_is_read_from_ninja() -> None:
    """A line of ninja's tells how far the build is; other lines do not."""
    assert list(ninja_steps("  [57/136] /usr/bin/g++ -c x.cpp")) == [(57, 136)]
    assert list(ninja_steps("  -- Found OpenMP [1/2]")) == []


def test_crash_leads_to_the_next_build(capsys: pytest.CaptureFixture[str]) -> None:
    """A build that crashes is replaced by the next one, and the first that works is kept."""
    built: list[Tier] = []
    verdicts = iter([Verdict(False, "it crashed with SIGSEGV"), Verdict(True, "fine")])
    result = first_that_works([STORES_KEPT, NO_AMX, PORTABLE], built.append, lambda: next(verdicts))
    assert result == (NO_AMX, "fine")
    assert built == [STORES_KEPT, NO_AMX]
    assert "SIGSEGV" in capsys.readouterr().out


def test_no_build_that_works_is_a_message() -> None:
    """When every build fails the message says what else can be tried."""
    with pytest.raises(SetupError, match="clang"):
        first_that_works([PLAIN, PORTABLE], lambda _: None, lambda: Verdict(False, "wrong"))


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("print('fine')", Verdict(True, "fine")),
        ("print('differs'); raise SystemExit(1)", Verdict(False, "differs")),
        ("import os; os.kill(os.getpid(), 11)", Verdict(False, "it crashed with SIGSEGV")),
        ("import time; time.sleep(60)", Verdict(False, "no result within 1 s")),
    ],
)
def test_smoke_test_survives_what_it_looks_for(
    body: str, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash, a hang or a wrong result of the built library is a verdict, not our end."""
    monkeypatch.setattr(install, "SMOKE", tmp_path / "smoke.py")
    monkeypatch.setattr(install, "LOG", tmp_path / "log")
    monkeypatch.setattr(install, "SMOKE_TIMEOUT_S", 1)
    (tmp_path / "smoke.py").write_text(body)
    assert install.smoke_test() == verdict


def test_missing_model_is_no_reason_to_rebuild(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the test itself cannot run, no build is blamed for it."""
    monkeypatch.setattr(install, "SMOKE", tmp_path / "smoke.py")
    monkeypatch.setattr(install, "LOG", tmp_path / "log")
    (tmp_path / "smoke.py").write_text("print('no model'); raise SystemExit(3)")
    with pytest.raises(SetupError, match="no model"):
        install.smoke_test()


def test_versions_come_from_the_constraints() -> None:
    """What the installer installs by itself is pinned in the same file as everything else."""
    assert pinned("llama-cpp-python") == "0.3.36"
    with pytest.raises(SetupError, match="does not pin"):
        pinned("no-such-package")
