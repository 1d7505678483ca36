"""``millrace models`` and ``millrace models show``."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from console.fleet.fleet_rows import ModelRow
from console.fleet.fleet_snapshot import FleetSnapshot
from console.fleet.model_views import models_view
from console.outage import Outage
from tasks.fleet import Child, Offer, Placement, Seat, Wish
from tasks.model import Model
from tasks.model_state import ModelStatus
from tasks.records import QueueDepths
from tasks.roster import Report
from tests.console.conftest import Millrace
from tests.console.fleets import GIB, MIB, Fleets
from tests.console.lives import Lives


def row(output: str, model: str) -> list[str]:
    """The cells of a model's line."""
    found = re.search(rf"^{re.escape(model)}  .*$", output, re.MULTILINE)
    return re.split(r" {2,}", found[0].strip()) if found else []


def test_a_model_that_serves_tells_where_and_how_busy(
    millrace: Millrace, lives: Lives, fleets: Fleets
) -> None:
    """Its node, device, slots, memory, what waits, and since when it is idle."""
    model = fleets.model("m")
    child = fleets.child(model, device="cuda:1", host_bytes=400 * MIB, gpu_bytes=3 * GIB)
    fleets.node("box", child)
    fleets.worker(model, "ready", device="cuda:1", busy=3)
    assert row(millrace("models").stdout, "m") == [
        *("m", "chat", "ready", "box", "cuda:1", "3/4", "300 MiB + 3.0 GiB GPU", "0", "-"),
    ]
    fleets.worker(model, "ready", idle_ms=fleets.now_ms - 240_000)
    assert row(millrace("models").stdout, "m")[-1] == "4 min"
    lives.waiting()
    assert row(millrace("models").stdout, lives.model)[-2] == "1"


def test_a_model_that_loads_tells_how_far_it_is(millrace: Millrace, fleets: Fleets) -> None:
    """In its state."""
    model = fleets.model("m")
    fleets.node("box", fleets.child(model))
    fleets.worker(model, "loading", progress=0.42)
    assert row(millrace("models").stdout, "m")[2:4] == ["loading 42%", "box"]


def test_reasons_stand_below_the_table(millrace: Millrace, fleets: Fleets) -> None:
    """A line each, of whatever has one, without control characters."""
    failed, *_ = [fleets.model(name) for name in ("failed", "nowhere", "later", "idle")]
    fleets.node("box", fleets.child(failed, "paused", reason="bad\nheader \x1b[2J"))
    fleets.placed(
        failed=Placement("placed", ("box",)),
        nowhere=Placement("unplaceable", reason="box has no GPU"),
        later=Placement("waiting", reason="box is full"),
        idle=Placement("unloaded"),
    )
    fleets.fleet.wish("idle", Wish(wanted=False, why="idle", at_ms=1))
    output = millrace("models").stdout
    assert "failed: failed: bad header \\x1b[2J\n" in output
    assert "nowhere: unplaceable: box has no GPU\n" in output
    assert "later: waiting: box is full\n" in output
    assert "idle: unloaded: it was idle for its ttl_s\n" in output


def test_a_worker_that_no_node_keeps_is_shown_by_its_host(
    millrace: Millrace, fleets: Fleets
) -> None:
    """It serves, too."""
    fleets.worker(fleets.model("m"), "ready", node="")
    assert row(millrace("models").stdout, "m")[2:4] == ["ready", "host-9"]


def test_what_is_missing_is_said(millrace: Millrace, lives: Lives, fleets: Fleets) -> None:
    """A place without keeper and nodes loads nothing."""
    output = millrace("models").stdout
    assert row(output, lives.model)[2] == "missing"
    assert "No keeper reports" in output
    assert "No node is alive" in output
    fleets.roster.report_keeper("k", 60)
    fleets.node("box")
    output = millrace("models").stdout
    assert "keeper: k" in output
    assert "No " not in output


def test_without_a_catalog_file_added_models_are_shown(
    millrace: Millrace, fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any machine that reaches Redis may look."""
    fleets.model("m")
    monkeypatch.setenv("MILLRACE_MODELS_FILE", "none.toml")
    result = millrace("models")
    assert result.exit_code == 0
    assert row(result.stdout, "m")
    assert "none.toml" in result.stderr


def test_models_as_json_are_one_object(millrace: Millrace, lives: Lives, fleets: Fleets) -> None:
    """States, reasons, workers and what is wished, times in seconds."""
    model = fleets.model("m", aliases=("em",), preload=False)
    fleets.node("box", fleets.child(model, gpu_bytes=5))
    fleets.worker(model, "ready", busy=1)
    fleets.placed(m=Placement("placed", ("box",), loads=3))
    fleets.fleet.wish("m", Wish(wanted=True, why="request", at_ms=1))
    document = json.loads(millrace("models", "--json").stdout)
    by_name = {each["name"]: each for each in document["models"]}
    assert list(by_name) == [lives.model, "m"]
    found = by_name["m"]
    assert (found["state"], found["progress"], found["nodes"]) == ("ready", 1.0, ["box"])
    assert (found["wanted"], found["why"], found["loads"]) == (True, "request", 3)
    assert (found["busy"], found["slots"], found["gpu_bytes"]) == (1, 4, 5)
    assert found["workers"][0]["node"] == "box"
    assert by_name[lives.model]["state"] == "waiting"
    assert by_name[lives.model]["reason"]


def test_one_model_is_shown_with_what_each_node_says(millrace: Millrace, fleets: Fleets) -> None:
    """By its alias, too; its definition, its worker, and the nodes' offers."""
    model = fleets.model("m", aliases=("em",), context=777, pinned=True)
    fleets.node(
        "box",
        fleets.child(model, restarts=2),
        offers={"m": Offer(model.fingerprint, (Seat("cuda:0", 5 * MIB, 2 * GIB),))},
    )
    fleets.node("pi", offers={"m": Offer(model.fingerprint, reason="too small")})
    fleets.node("new")
    fleets.worker(model, "ready")
    fleets.fleet.wish("m", Wish(wanted=True, why="admin", at_ms=fleets.now_ms))
    result = millrace("models", "show", "em")
    assert result.exit_code == 0, result.output
    lines = dict(re.findall(r"^(\S+(?: \S+)?) {2,}(\S.*)$", result.stdout, re.MULTILINE))
    assert lines["state"] == "ready"
    assert lines["asked for"].startswith("loaded (admin), ")
    assert lines["definition"] == "added at run time"
    assert (lines["context"], lines["pinned"]) == ("777", "true")
    assert lines[f"worker {model.queue}@box"].startswith("ready, pid 8, kept by box, cpu")
    assert lines["node box"].startswith("can serve it on cuda:0 (5.0 MiB + 2.0 GiB GPU); ")
    assert lines["node box"].endswith("2 restarts")
    assert lines["node pi"] == "cannot serve it: too small"
    assert lines["node new"] == "does not know the model yet"


@pytest.mark.parametrize("command", ["show", "load", "unload", "pull"])
def test_a_model_that_is_not_there_is_one_line(millrace: Millrace, command: str) -> None:
    """Status 1, and where the names are listed."""
    result = millrace("models", command, "nobody")
    assert result.exit_code == 1
    assert result.stderr == (
        "There is no model 'nobody': `millrace models` lists those that there are.\n"
    )


def drawn(snapshot: FleetSnapshot, width: int, outage: Outage | None = None) -> str:
    """What a terminal of that width shows."""
    console = Console(file=io.StringIO(), width=width, record=True, force_terminal=True)
    console.print(models_view(snapshot, outage))
    return console.export_text()


def test_a_terminal_of_eighty_columns_shows_every_figure() -> None:
    """Names fold; figures do not."""
    model = Model(name="smollm2-135m", kind="chat", source="echo:")
    report = Report(
        node="chat.smollm2-135m@machine-12",
        state="loading",
        pid=1,
        slots=16,
        context=1,
        expires_ms=1,
        busy=16,
        memory_bytes=1_100 * MIB,
        fleet_node="machine-12",
        device="cuda:0",
    )
    depths = QueueDepths(model.queue, 11, (1_000, 0, 0), 16, 0, 1.0, 1.0)
    children: dict[str, Child] = {}
    status = ModelStatus("loading", "", 0.5)
    found = ModelRow(model, status, None, None, (report,), children, depths)
    text = drawn(FleetSnapshot(0.0, "k", (found,), ()), 80)
    assert max(map(len, text.splitlines())) <= 80
    for figure in ("loading 50%", "cuda:0", "16/0", "1.1 GiB", "1011"):
        assert figure in text


def test_an_outage_stands_above_the_last_figures() -> None:
    """With the time that they are of."""
    text = drawn(FleetSnapshot(3_723.0, "k", (), ()), 100, Outage(12.0, "refused"))
    assert "No answer from Redis for 12 s; figures of 01:02:03 UTC" in text
