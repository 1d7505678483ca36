"""What the manifests promise; no cluster runs them here."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from app.settings import ApiSettings
from runner.parts import KEEPER_THREADS, celery
from tasks.catalog import load_catalog
from tasks.settings import QueueSettings
from tests.deploy.test_compose import default
from tests.test_docs import variables
from worker.node.settings import NodeSettings
from worker.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
FILES = [file for file in sorted(FOLDER.glob("*.yaml")) if file.name != "kustomization.yaml"]
OBJECTS: list[dict[str, Any]] = [
    found for file in FILES for found in yaml.safe_load_all(file.read_text())
]
RUNNING = [found for found in OBJECTS if found["kind"] in ("Deployment", "StatefulSet")]
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())


def named(kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind, by name."""
    return {found["metadata"]["name"]: found for found in OBJECTS if found["kind"] == kind}


def pod(found: dict[str, Any]) -> dict[str, Any]:
    """The pod that a Deployment or StatefulSet makes."""
    spec: dict[str, Any] = found["spec"]["template"]["spec"]
    return spec


def model_deployments() -> dict[str, dict[str, Any]]:
    """By the model that each serves."""
    commands = {name: pod(found)["containers"][0]["command"] for name, found in running().items()}
    return {
        command[-1]: running()[name]
        for name, command in commands.items()
        if command[:4] == ["python", "-m", "worker", "serve"]
    }


def running() -> dict[str, dict[str, Any]]:
    """Everything with pods, by name."""
    return {found["metadata"]["name"]: found for found in RUNNING}


def test_every_file_is_applied() -> None:
    """kustomization.yaml names all of them."""
    assert sorted(KUSTOMIZATION["resources"]) == [file.name for file in FILES]


@pytest.mark.parametrize("found", RUNNING, ids=lambda found: found["metadata"]["name"])
def test_a_pod_meets_the_restricted_level(found: dict[str, Any]) -> None:
    """As the namespace demands, and besides nothing can be written to but volumes."""
    spec = pod(found)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        closed = container["securityContext"]
        assert closed["allowPrivilegeEscalation"] is False
        assert closed["readOnlyRootFilesystem"] is True
        assert closed["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert "readinessProbe" in container


@pytest.mark.parametrize("found", RUNNING, ids=lambda found: found["metadata"]["name"])
def test_a_pod_is_found_by_its_own_label(found: dict[str, Any]) -> None:
    """Selector and template agree, and mounts have their volumes."""
    labels = found["spec"]["template"]["metadata"]["labels"]
    assert found["spec"]["selector"]["matchLabels"].items() <= labels.items()
    volumes = {each["name"] for each in pod(found).get("volumes", [])}
    volumes |= {each["metadata"]["name"] for each in found["spec"].get("volumeClaimTemplates", [])}
    for container in pod(found)["containers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


def test_each_model_of_the_catalog_has_a_deployment() -> None:
    """And the catalog is that of the checkout."""
    assert (FOLDER / "models.toml").read_text() == (ROOT / "models.toml").read_text()
    models = tomllib.loads((FOLDER / "models.toml").read_text())["model"]
    assert {model["name"] for model in models} == set(model_deployments())


def test_each_model_is_scaled_by_its_own_queue() -> None:
    """The list has the name that tickets are published to, the target that of the Deployment."""
    catalog = load_catalog(QueueSettings(models_file=ROOT / "models.toml"))
    queues = {model.name: model.queue for model in catalog}
    deployments = {found["metadata"]["name"]: model for model, found in model_deployments().items()}
    scaled = named("ScaledObject")
    assert set(scaled) == set(deployments)
    for found in scaled.values():
        model = deployments[found["spec"]["scaleTargetRef"]["name"]]
        trigger = found["spec"]["triggers"][0]
        assert trigger["type"] == "redis"
        assert trigger["metadata"]["listName"] == queues[model]
        assert "replicas" not in model_deployments()[model]["spec"]


def test_only_the_parts_and_keda_reach_redis() -> None:
    """Both servers have the label that the policy is about, and so have those it lets in."""
    policy = named("NetworkPolicy")["redis"]["spec"]
    assert policy["podSelector"] == {"matchLabels": {"millrace": "redis"}}
    allowed = policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    for name, found in running().items():
        labels = found["spec"]["template"]["metadata"]["labels"]
        assert labels["millrace"] == ("redis" if name.startswith("redis-") else "part")
    assert allowed == {"millrace": "part"}


def test_a_stop_is_given_the_time_that_it_takes() -> None:
    """More than the limits of the part itself, with the pause before it for the API."""
    worker_s = default(NodeSettings, "node_stop_s") + default(WorkerSettings, "drain_s")
    for found in model_deployments().values():
        assert pod(found)["terminationGracePeriodSeconds"] > worker_s
    api = pod(running()["api"])
    pause_s = float(api["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert api["terminationGracePeriodSeconds"] > default(ApiSettings, "shutdown_s") + pause_s


def test_no_probe_restarts_a_part_because_redis_is_away() -> None:
    """Whatever asks Redis decides about readiness alone."""
    for name, found in running().items():
        for container in pod(found)["containers"]:
            probe = container.get("livenessProbe", {})
            asks = "healthcheck" in str(probe) or "/ready" in str(probe)
            assert not asks, name


def test_the_keeper_is_that_of_make_run() -> None:
    """But for the log level, which it reads by itself."""
    container = pod(running()["keeper"])["containers"][0]
    asked = celery("app.keeper", "keeper", KEEPER_THREADS, "info")
    assert [*container["command"], *container["args"]] == ["celery", *asked[1 : asked.index("-l")]]


def test_every_setting_is_one() -> None:
    """A misspelt name would be ignored in silence."""
    assert named("ConfigMap")["settings"]["data"].keys() <= variables().keys()


def test_no_secret_is_in_a_file() -> None:
    """They are made by a command."""
    assert "Secret" not in {found["kind"] for found in OBJECTS}
    assert "secretGenerator" not in KUSTOMIZATION
