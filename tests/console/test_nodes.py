"""``millrace nodes``."""

from __future__ import annotations

import json
import re

import pytest

from tasks.fleet import Assignment
from tests.console.conftest import Millrace
from tests.console.fleets import GIB, MIB, Fleets, ended, gpu


def row(output: str, node: str) -> list[str]:
    """The cells of a node's line."""
    found = re.search(rf"^{node}  .*$", output, re.MULTILINE)
    return re.split(r" {2,}", found[0].strip()) if found else []


def test_a_node_tells_what_it_is_and_does(millrace: Millrace, fleets: Fleets) -> None:
    """Cores, memory held of its budget, restarts, GPUs, and each model's state there."""
    one, two, three = (fleets.model(name) for name in ("one", "two", "three"))
    fleets.node(
        "box",
        fleets.child(one, host_bytes=2 * GIB, restarts=2),
        fleets.child(two, host_bytes=512 * MIB, restarts=1),
        gpus=(gpu(),),
    )
    fleets.fleet.assign("box", {"one": Assignment("cpu"), "three": Assignment("cpu")})
    fleets.worker(one, "ready")
    fleets.worker(two, "loading", progress=0.25)
    fleets.worker(three, "ready", node="elsewhere")
    assert row(millrace("nodes").stdout, "box") == [
        *("box", "alive", "16", "2.5 GiB/48 GiB", "3"),
        "0: NVIDIA Imaginary 5090, 20 GiB of 24 GiB free",
        "one ready, three loading 0%, two loading 25%",
    ]


def test_a_model_in_trouble_says_why_on_its_node(millrace: Millrace, fleets: Fleets) -> None:
    """The node's word for a process that died, below the table."""
    fleets.node("box", fleets.child(fleets.model("m"), "paused", reason="signal 9"))
    output = millrace("nodes").stdout
    assert row(output, "box")[-1] == "m failed"
    assert "box: m: failed: signal 9\n" in output


@pytest.mark.parametrize(("fields", "state"), [({}, "silent"), (ended(), "gone")])
def test_a_node_that_does_not_report_stays_in_sight(
    millrace: Millrace, fleets: Fleets, fields: dict[str, object], state: str
) -> None:
    """Its models may go on without it."""
    model = fleets.model("m")
    fleets.worker(model, "ready")
    fleets.node("box", fleets.child(model), **{"expires_ms": 1, **fields})
    output = millrace("nodes").stdout
    assert row(output, "box")[1] == state
    assert row(output, "box")[-1] == "m ready"
    assert "box: its supervisor does not report" in output


def test_a_place_without_nodes_says_how_to_start_one(millrace: Millrace) -> None:
    """Below an empty table."""
    assert "`millrace node`" in millrace("nodes").stdout


def test_nodes_as_json_are_one_object(millrace: Millrace, fleets: Fleets) -> None:
    """With the GPUs' budgets and every model's process."""
    model = fleets.model("m")
    fleets.node(
        "box", fleets.child(model, pid=77), gpus=(gpu(),), gpu_budgets={0: 5}, engines=("llama",)
    )
    fleets.fleet.assign("box", {"m": Assignment("cpu", "drain"), "n": Assignment("cuda:0")})
    document = json.loads(millrace("nodes", "--json").stdout)
    [node] = document["nodes"]
    assert (node["name"], node["alive"], node["engines"]) == ("box", True, ["llama"])
    assert node["gpus"][0]["budget_bytes"] == 5
    found = {each["name"]: each for each in node["models"]}
    assert (found["m"]["pid"], found["m"]["order"]) == (77, "drain")
    assert (found["n"]["pid"], found["n"]["device"]) == (None, "cuda:0")
