"""What the compose files promise, read as configuration: starting them takes an engine.

``scripts/compose_check.py`` runs them for real.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from app.settings import ApiSettings
from runner.parts import KEEPER_THREADS, celery
from tests.test_docs import variables
from worker.node.settings import NodeSettings
from worker.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[2]
ONE = ROOT / "docker-compose.yml"
FRONT = ROOT / "deploy" / "compose" / "front.yml"
NODE = ROOT / "deploy" / "compose" / "node.yml"
FILES = (ONE, FRONT, NODE)
NAMED = re.compile(r"\$\{(\w+)")
DESCRIBED = re.compile(r"^# (MILL_\w+)=", re.MULTILINE)


def services(file: Path) -> dict[str, Any]:
    """The services of a file, as written."""
    found: dict[str, Any] = yaml.safe_load(file.read_text())["services"]
    return found


def seconds(service: dict[str, Any]) -> int:
    """How long a service may take to end."""
    return int(service["stop_grace_period"].removesuffix("s"))


def default(settings: type, field: str) -> float:
    """The default of a setting."""
    return float(settings.model_fields[field].default)  # type: ignore[attr-defined]


ALL = [(file, name) for file in (ONE, NODE) for name in services(file)]


@pytest.mark.parametrize(("file", "name"), ALL, ids=[f"{f.stem}-{n}" for f, n in ALL])
def test_a_container_has_no_right_that_it_does_not_need(file: Path, name: str) -> None:
    """A user by number, nothing to write to but volumes, no capability, and it is started again."""
    service = services(file)[name]
    assert int(service["user"].split(":")[0]) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert "privileged" not in service
    assert "cap_add" not in service


@pytest.mark.parametrize(("file", "name"), ALL, ids=[f"{f.stem}-{n}" for f, n in ALL])
def test_what_is_published_is_on_loopback_unless_said_otherwise(file: Path, name: str) -> None:
    """An address is part of each port, and by default nobody else's machine reaches it."""
    for port in services(file)[name].get("ports", []):
        assert re.match(r"^\$\{MILL_PUBLISH\w*:-127\.0\.0\.1:\d+\}:\d+$", port), port


def test_nobody_reaches_redis() -> None:
    """Neither is published, and their network has no way out; nobody else is in it alone."""
    document = yaml.safe_load(ONE.read_text())
    assert document["networks"]["queue"] == {"internal": True}
    for name in ("redis-queue", "redis-cache"):
        service = document["services"][name]
        assert "ports" not in service
        assert service["networks"] == ["queue"]


def test_the_queue_never_forgets_and_the_cache_may() -> None:
    """The laws of the two servers that `make run` starts, too."""
    queue, cache = (services(ONE)[f"redis-{role}"]["command"] for role in ("queue", "cache"))
    assert queue[queue.index("--maxmemory-policy") + 1] == "noeviction"
    assert queue[queue.index("--appendonly") + 1] == "yes"
    assert services(ONE)["redis-queue"]["volumes"] == ["queue:/data"]
    assert cache[cache.index("--maxmemory-policy") + 1] == "allkeys-lru"
    assert "volumes" not in services(ONE)["redis-cache"]


@pytest.mark.parametrize("file", [ONE, NODE])
def test_a_stop_is_given_the_time_that_it_takes(file: Path) -> None:
    """More than each part's own limits by default, so that nothing is killed while it drains."""
    found = services(file)
    node_s = default(NodeSettings, "node_stop_s") + default(WorkerSettings, "drain_s")
    for name in ("node", "node-gpu"):
        assert seconds(found[name]) > node_s + 5
    if "api" in found:
        assert seconds(found["api"]) > default(ApiSettings, "shutdown_s") + 5


def test_it_does_not_start_without_a_key() -> None:
    """The message has the command that makes one; workers are not told it."""
    found = services(ONE)
    assert "${MILLRACE_ADMIN_KEY:?" in found["api"]["environment"]["MILLRACE_ADMIN_KEY"]
    assert "openssl rand" in found["api"]["environment"]["MILLRACE_ADMIN_KEY"]
    for name in ("node", "node-gpu", "keeper", "flower"):
        assert found[name]["environment"]["MILLRACE_ADMIN_KEY"] == ""
        assert found[name]["environment"]["MILLRACE_API_KEY"] == ""


def test_the_commands_are_those_of_make_run() -> None:
    """The keeper's, but for the log level, which it reads by itself."""
    asked = celery("app.keeper", "keeper", KEEPER_THREADS, "info")
    assert services(ONE)["keeper"]["command"] == ["celery", *asked[1 : asked.index("-l")]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_variable_is_described(file: Path) -> None:
    """A setting of Millrace, or one of compose's own with a line in .env.example."""
    own = set(DESCRIBED.findall((ROOT / ".env.example").read_text()))
    named = set(NAMED.findall(file.read_text()))
    assert named <= own | variables().keys()


def test_every_described_variable_is_read() -> None:
    """What was renamed leaves no description behind."""
    own = set(DESCRIBED.findall((ROOT / ".env.example").read_text()))
    assert own == {name for file in FILES for name in NAMED.findall(file.read_text())} - set(
        variables()
    )


def test_the_front_changes_nothing_of_the_queue_but_who_reaches_it() -> None:
    """The same command, with a password that must be there, and an address that must be named."""
    here, there = services(ONE)["redis-queue"], services(FRONT)["redis-queue"]
    assert there["command"][:-1] == here["command"][:-1]
    assert there["command"][-1].startswith("${MILL_REDIS_PASSWORD:?")
    assert there["ports"][0].startswith("${MILL_PRIVATE_ADDRESS:?")


def test_what_is_mounted_is_there() -> None:
    """Every file and folder of the checkout that a container is given."""
    for service in services(ONE).values():
        for volume in service.get("volumes", []):
            source = re.sub(r"^\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), source
