"""What the image promises, read from the file that builds it: no engine builds it here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "deploy" / "Dockerfile").read_text()
STAGES = dict(re.findall(r"^FROM \S+ AS (\S+)$\n(.*?)(?=^FROM |\Z)", TEXT, flags=re.M | re.S))


def copied(stage: str) -> list[str]:
    """What a stage takes from the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", STAGES[stage], flags=re.M)
    return [name for line in lines for name in line.split()[:-1]]


def test_there_is_a_target_for_cpus_and_one_for_gpus() -> None:
    """Each with a stage of its own that compiles, on the same system."""
    assert list(STAGES) == ["build-cpu", "build-cuda", "cpu", "cuda"]
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
    assert packages <= set(copied("build-cpu"))
    assert copied("build-cpu") == copied("build-cuda")


def test_no_address_and_no_secret_is_written_down() -> None:
    """Base images have plain names; keys and URLs come with a container's environment."""
    assert "://" not in TEXT
    assert not re.search(r"(KEY|TOKEN|PASSWORD|SECRET)\w*=", TEXT)
