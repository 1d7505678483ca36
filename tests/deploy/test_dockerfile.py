"""What the image promises, read from the file that builds it: no engine builds it here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts import image_libraries

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "deploy" / "Dockerfile").read_text()
LINES = TEXT.replace("\\\n", " ")
STAGES = dict(re.findall(r"^FROM \S+ AS (\S+)$\n(.*?)(?=^FROM |\Z)", LINES, flags=re.M | re.S))


def copied(stage: str) -> list[str]:
    """What a stage takes from the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", STAGES[stage], flags=re.M)
    return [name for line in lines for name in line.split()[:-1]]


def test_there_is_a_target_for_cpus_and_one_for_gpus() -> None:
    """Each with a stage of its own that compiles, on the same system."""
    assert list(STAGES) == ["libraries-cpu", "libraries-cuda", "cpu", "cuda"]
    systems = dict(re.findall(r"^FROM (\S+) AS (\S+)$", TEXT, flags=re.M))
    assert len({system.rpartition("-")[2] for system in systems if "cuda" in system}) == 1


@pytest.mark.parametrize("stage", ["cpu", "cuda"])
def test_it_runs_as_nobody_special_and_is_looked_after(stage: str) -> None:
    """A user without rights, by number, and a health check."""
    assert re.search(r"^USER 10001:10001$", STAGES[stage], flags=re.M)
    assert "HEALTHCHECK" in STAGES[stage]
    assert 'CMD ["python", "-m", "worker"]' in STAGES[stage]


@pytest.mark.parametrize("stage", list(STAGES))
def test_everything_that_is_copied_is_there(stage: str) -> None:
    """By name: what else lies in a checkout, such as .env, cannot get into the image."""
    for name in copied(stage):
        assert (ROOT / name).exists(), name
        assert name != "."


def test_every_package_is_in_the_image() -> None:
    """What setuptools finds, the image has."""
    found = re.search(r"^include = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), flags=re.M)
    assert found
    packages = {name.strip(' "*') for name in found[1].split(",")}
    assert packages <= set(copied("cpu"))
    assert copied("cpu") == copied("cuda")


@pytest.mark.parametrize("stage", ["libraries-cpu", "libraries-cuda"])
def test_a_change_of_code_compiles_nothing_again(stage: str) -> None:
    """The stage that compiles knows the requirements and what compiles: nothing else."""
    assert copied("libraries-cpu") == copied(stage)
    packages, *scripts = copied(stage)
    assert packages == "requirements"
    assert all(name.startswith("scripts/") for name in scripts)


def test_what_compiles_has_all_that_it_needs(tmp_path: Path) -> None:
    """With nothing but what that stage copies, its script can be imported and finds its files."""
    (tmp_path / "scripts").mkdir()
    for name in copied("libraries-cpu")[1:]:
        shutil.copy(ROOT / name, tmp_path / name)
    files = "llama_build.SLIM, llama_build.ATTENTION, llama_portable.HOOK, llama_portable.SMOKE"
    check = (
        "from scripts import image_libraries, install, llama_build, llama_portable\n"
        f"for file in ({files}, install.SMOKE):\n"
        "    assert file.exists(), file\n"
    )
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, '.')\n{check}"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_image_has_the_extras_that_the_environment_can_ask_for() -> None:
    """By the names that pyproject.toml gives them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [name for extra in ("flower", "tracing", "s3") for name in extras[extra]]
    assert list(image_libraries.EXTRAS) == asked


def test_no_address_and_no_secret_is_written_down() -> None:
    """Base images have plain names; keys and URLs come with a container's environment."""
    assert "://" not in TEXT
    assert not re.search(r"(KEY|TOKEN|PASSWORD|SECRET)\w*=", TEXT)
