"""The installer's decisions, and (slow) the installer itself in a fresh copy of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts import install, prerequisites
from scripts.console import SetupError, run_logged

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("app", "tasks", "worker", "runner", "scripts", "requirements")
FILES = ("pyproject.toml", "README.md", "LICENSE", "models.toml")


def test_this_machine_is_ready() -> None:
    """After an installation there is nothing left to do, which a stamp proves."""
    assert install.is_ready()


def test_other_inputs_are_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed list of requirements, or another CPU, makes the stamp void."""
    monkeypatch.setattr(install, "cpu_flags", lambda: "flags : of another machine")
    assert not install.is_ready()


def test_copied_environment_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .venv that was copied from another checkout, whose scripts it runs, does not count."""
    copy = tmp_path / ".venv"
    (copy / "bin").mkdir(parents=True)
    for name in ("pyvenv.cfg", "bin/pip"):
        shutil.copy(install.VENV / name, copy / name)
    (copy / "bin" / "python").symlink_to(install.PYTHON)
    monkeypatch.setattr(install, "VENV", copy)
    monkeypatch.setattr(install, "PYTHON", copy / "bin" / "python")
    assert not install.venv_works()


def test_missing_compiler_is_a_command_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root and without a terminal, the message has the exact command."""
    monkeypatch.setattr("scripts.prerequisites.os.geteuid", lambda: 1000)
    monkeypatch.setattr("scripts.prerequisites.shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("scripts.prerequisites.sys.stdin.isatty", lambda: False)
    with pytest.raises(SetupError, match=r"sudo apt-get install .* g\+\+"):
        prerequisites.apt_install(["g++"])


def test_compiler_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any C++ compiler needs Debian's g++."""
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("scripts.prerequisites.shutil.which", lambda _: None)
    assert prerequisites.missing_packages() == ["g++"]


def test_old_python_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.10 is told what is needed, and how to name another."""
    monkeypatch.setattr("scripts.prerequisites.sys.version_info", (3, 10, 1))
    with pytest.raises(SetupError, match=r"make run PYTHON="):
        prerequisites.check_python()


def test_interrupted_command_leaves_no_child(tmp_path: Path) -> None:
    """When the installer is interrupted, the command that it ran ends with it."""

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    script = "sleep 60 & echo $! > child; echo begun; wait"
    with pytest.raises(KeyboardInterrupt):
        run_logged(["sh", "-c", f"cd {tmp_path}; {script}"], tmp_path / "log", on_line=interrupt)
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child}").exists() and not is_zombie(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_zombie(pid: int) -> bool:
    """Whether nobody has collected it yet (in a container without an init, nobody may)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_no_url_of_an_index_is_written_down() -> None:
    """The requirements name packages; where they come from is the machine's choice."""
    for file in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in file.read_text()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fresh_copy_installs_itself(tmp_path: Path) -> None:
    """From nothing but the checkout: everything is compiled and proved, and then it is instant."""
    for name in SHIPPED:
        skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=skip)
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    python = getattr(sys, "_base_executable", sys.executable)
    command = [python, str(tmp_path / "scripts" / "install.py")]

    first = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    assert (tmp_path / ".venv" / "bin" / "millrace").exists()
    assert len(list((tmp_path / "cache" / "millrace" / "wheels").glob("*/*.whl"))) == 1

    begun = time.monotonic()
    second = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (second.returncode, second.stdout) == (0, "")
    assert time.monotonic() - begun < 2
