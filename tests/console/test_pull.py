"""``millrace models pull``, against a server that plays the hub."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RedisServer
from tests.console.hub_server import Hub, blob_sha1, serving, sha256
from tests.console.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
# Pauses as they are, but in a hundredth of the time; Ctrl-C heard as in a terminal.
HURRIED = """
import signal; signal.signal(signal.SIGINT, signal.default_int_handler)
import console.pulling.hub as h; h.PAUSES_S = tuple(s / 100 for s in h.PAUSES_S)
from runner.cli import main; main()
"""
CONTENT = random.Random(1).randbytes(3_000_000)
HALF = len(CONTENT) // 2
MODEL = "hf:owner/repo/folder/model.gguf"


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub with one large file and one small."""
    files = {"owner/repo/folder/model.gguf": CONTENT, "owner/repo/tokenizer.json": b"{}" * 500}
    with serving(Hub(files, plain={"owner/repo/tokenizer.json"})) as hub:
        yield hub


class Machine:
    """A machine with an empty cache, a catalog, and no queue."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.folder = folder
        self.cache = folder / "home" / "hub"
        self._hub = hub

    def environment(self, **variables: str) -> dict[str, str]:
        """Of every command on it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        own = {"HF_ENDPOINT": self._hub.url, "HF_HOME": str(self.folder / "home")}
        queue = {"MILLRACE_QUEUE_URL": "redis://127.0.0.1:1/0", "PYTHONPATH": str(ROOT)}
        return {**kept, **own, **queue, **variables}

    def start(self, name: str, before: str = "", **variables: str) -> subprocess.Popen[str]:
        """``millrace models pull``, on its way; ``before`` it this code."""
        return subprocess.Popen(
            [sys.executable, "-c", before + HURRIED, "models", "pull", name],
            cwd=self.folder,
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def pull(self, name: str, before: str = "", **variables: str) -> tuple[int, str, str]:
        """Its status and what it printed."""
        process = self.start(name, before, **variables)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def contents(self) -> list[Path]:
        """Whole and unfinished contents in the cache."""
        return sorted(self.cache.glob("models--*/blobs/*"))

    def worker_finds(self, source: str) -> Path:
        """Where a worker finds the file, without a hub."""
        code = f"from worker.runtimes.sources import resolve; print(resolve({source!r}))"
        return Path(
            subprocess.check_output(
                [sys.executable, "-c", code],
                env=self.environment(HF_HUB_OFFLINE="1"),
                cwd=self.folder,
                text=True,
            ).strip()
        )


@pytest.fixture
def machine(tmp_path: Path, hub: Hub) -> Machine:
    """Where files are fetched to."""
    return Machine(tmp_path, hub)


def test_a_file_is_fetched_to_where_a_worker_finds_it(machine: Machine, hub: Hub) -> None:
    """Checked by the hub's sum; a second call fetches nothing and checks it again."""
    status, out, err = machine.pull(MODEL)
    assert status == 0, err
    assert "fetched, checked by sha256, 2.9 MiB" in out
    assert machine.worker_finds(MODEL).read_bytes() == CONTENT
    bodies = len(hub.bodies())
    status, out, err = machine.pull(MODEL)
    assert (status, err) == (0, "")
    assert "was there, checked by sha256" in out
    assert len(hub.bodies()) == bodies


def test_a_connection_that_breaks_is_gone_on_with(machine: Machine, hub: Hub) -> None:
    """From the very byte where it broke, without being asked to."""
    hub.cuts = [HALF]
    status, _, err = machine.pull(MODEL)
    assert status == 0, err
    assert "it goes on in" in err
    assert [each.start for each in hub.stored()] == [0, HALF]
    assert machine.worker_finds(MODEL).read_bytes() == CONTENT


def test_a_hub_that_stays_away_is_given_up(machine: Machine, hub: Hub) -> None:
    """With one line and status 1; a later call goes on where the first one ended."""
    hub.cuts = [HALF]
    hub.refuse = [200, *[503] * 5]
    status, out, err = machine.pull(MODEL)
    assert (status, out) == (1, "")
    assert err.splitlines()[-1].startswith(f"{MODEL}: the hub answered with status 503 at 1.4 MiB")
    assert [each.start for each in hub.stored()] == [0, *[HALF] * 5]
    assert machine.pull(MODEL)[0] == 0
    assert hub.stored()[-1].start == HALF
    assert machine.worker_finds(MODEL).read_bytes() == CONTENT


def test_a_busy_hub_is_asked_again(machine: Machine, hub: Hub) -> None:
    """Before anything is fetched, and after."""
    hub.busy = [503, 429, 200, 200, 503]
    status, _, err = machine.pull(MODEL)
    assert status == 0, err
    assert hub.busy == []
    assert "the hub answered with status 429; asked again in" in err
    hub.busy = [503] * 6
    hub.files["owner/repo/other.gguf"] = CONTENT
    status, _, err = machine.pull("hf:owner/repo/other.gguf")
    assert status == 1
    assert err.splitlines()[-1].endswith("answered with status 503.")


def test_what_there_is_no_room_for_is_not_begun(machine: Machine, hub: Hub) -> None:
    """Neither what the disk has no room for, nor what the hub does not give over plain HTTP."""
    hub.size = 10**15
    status, _, err = machine.pull(MODEL)
    assert status == 1
    assert "`hf download owner/repo folder/model.gguf`" in err
    hub.size = 0
    full = "import shutil; shutil.disk_usage = lambda _: type('U', (), {'free': 1000})\n"
    status, _, err = machine.pull(MODEL, before=full)
    assert status == 1
    assert "needs 2.9 MiB more" in err
    assert hub.stored() == []


@pytest.mark.parametrize(("end", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_pull_that_was_ended_is_gone_on_with(
    machine: Machine, hub: Hub, end: signal.Signals, status: int
) -> None:
    """Whether it could say goodbye or not; only what was missing is fetched."""
    hub.cuts, hub.pause_s = [HALF], 30.0
    process = machine.start(MODEL)
    give_up_at = time.monotonic() + 20
    while not any(path.stat().st_size == HALF for path in machine.contents()):
        assert time.monotonic() < give_up_at, "nothing came"
        time.sleep(0.02)
    process.send_signal(end)
    _, err = process.communicate(timeout=20)
    assert process.returncode == status
    if end == signal.SIGINT:
        assert err == "Interrupted. The same command goes on from there.\n"
    hub.pause_s = 0.0
    assert machine.pull(MODEL)[0] == 0
    assert [each.start for each in hub.stored()] == [0, HALF]
    assert machine.worker_finds(MODEL).read_bytes() == CONTENT


def test_a_terminal_shows_bytes_speed_and_the_time_left(machine: Machine, hub: Hub) -> None:
    """While it goes on."""
    hub.cuts, hub.pause_s = [HALF], 1.5
    command = [sys.executable, "-c", HURRIED, "models", "pull", MODEL]
    terminal = Terminal(command, cwd=machine.folder, env=machine.environment(), width=120)
    try:
        terminal.wait_for("fetching")
        terminal.wait_for("1.4/2.9 MiB")
        terminal.wait_for("B/s")
        terminal.wait_for("0:00:")
        terminal.wait_for("checked by sha256")
        assert terminal.process.wait(timeout=10) == 0
    finally:
        terminal.close()


def test_a_damaged_body_is_removed(machine: Machine, hub: Hub) -> None:
    """Status 1 and one line; no worker ever finds it, and the next call brings the right one."""
    hub.corrupt = 1
    status, out, err = machine.pull(MODEL)
    assert (status, out) == (1, "")
    assert "is damaged: its sha256 is " in err
    assert err.count("\n") == 1
    assert machine.contents() == []
    assert machine.pull(MODEL)[0] == 0
    assert machine.worker_finds(MODEL).read_bytes() == CONTENT


@pytest.mark.parametrize("damage", [CONTENT[:-1] + b"?", CONTENT[:-1]])
def test_damage_in_the_cache_is_found(machine: Machine, damage: bytes) -> None:
    """Of a byte or of the length; what is damaged is removed and may be fetched again."""
    machine.pull(MODEL)
    [content] = machine.contents()
    content.write_bytes(damage)
    status, _, err = machine.pull(MODEL)
    assert status == 1
    assert "is damaged" in err
    assert machine.contents() == []
    assert machine.pull(MODEL)[0] == 0
    assert machine.worker_finds(MODEL).read_bytes() == CONTENT


def test_a_small_file_is_checked_as_git_does(machine: Machine, hub: Hub) -> None:
    """Its name in the cache is git's sum of it."""
    hub.corrupt = 1
    status, _, err = machine.pull("hf:owner/repo/tokenizer.json")
    assert status == 1
    assert "its sha1 is" in err
    status, out, _ = machine.pull("hf:owner/repo/tokenizer.json")
    assert status == 0
    assert "git's sha1" in out
    [content] = machine.contents()
    assert content.name == blob_sha1(b"{}" * 500)


def test_a_hub_without_ranges_is_asked_for_all_of_it(machine: Machine, hub: Hub) -> None:
    """What was there is not put before it."""
    hub.cuts, hub.ranges = [HALF], False
    assert machine.pull(MODEL)[0] == 0
    assert machine.worker_finds(MODEL).read_bytes() == CONTENT


def test_the_token_goes_to_the_hub_alone(machine: Machine, hub: Hub) -> None:
    """Not to the store that the hub leads to; without one a private file is not to be had."""
    hub.needs_token = "hf_secret"
    status, _, err = machine.pull(MODEL)
    assert status == 1
    assert "HF_TOKEN" in err
    assert err.count("\n") == 1
    hub.asked.clear()
    assert machine.pull(MODEL, HF_TOKEN="hf_secret")[0] == 0
    assert {each.token for each in hub.asked if "/resolve/" in each.path} == {"hf_secret"}
    assert {each.token for each in hub.stored()} == {""}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hf:owner/repo/none.gguf", "has no file 'none.gguf'"),
        ("hf:owner/none/model.gguf", "no repository 'owner/none'"),
        ("hf:owner/repo", "is incomplete"),
        ("hf:owner/repo/../../x", "does not leave"),
        ("hf:own er/repo/x", "is no valid name"),
        ("nobody", "There is no model 'nobody'"),
    ],
)
def test_what_is_not_there_is_one_line(
    machine: Machine, redis_server: RedisServer, name: str, said: str
) -> None:
    """And status 1."""
    (machine.folder / "models.toml").write_text("")
    status, out, err = machine.pull(name, MILLRACE_QUEUE_URL=redis_server.url)
    assert (status, out) == (1, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("offline", [True, False])
def test_without_the_hub_the_cache_must_do(machine: Machine, hub: Hub, offline: bool) -> None:
    """Forbidden or away: what is there is checked by its name, what is not is missed in a line."""
    machine.pull(MODEL)
    away = {"HF_HUB_OFFLINE": "1"} if offline else {"HF_ENDPOINT": "http://127.0.0.1:1"}
    hub.asked.clear()
    status, out, err = machine.pull(MODEL, **away)
    assert (status, err) == (0, "")
    assert "was there, checked by sha256; " in out
    status, _, err = machine.pull("hf:owner/repo/tokenizer.json", **away)
    assert status == 1
    assert ("HF_HUB_OFFLINE" if offline else "was not reached") in err
    assert err.count("\n") == 1
    assert hub.asked == []
    [content] = machine.contents()
    content.write_bytes(CONTENT[1:])
    assert machine.pull(MODEL, **away)[0] == 1
    assert machine.contents() == []


def test_a_model_s_files_are_fetched_together(machine: Machine, hub: Hub) -> None:
    """Source, tokenizer and projector; without Redis, for a model of the catalog's file."""
    hub.files["owner/repo/mmproj.gguf"] = CONTENT[::-1]
    (machine.folder / "here.json").write_text("{}")
    (machine.folder / "models.toml").write_text(f"""
        [[model]]
        name = "sees"
        kind = "multimodal"
        source = "{MODEL}"
        tokenizer = "path:here.json"
        mmproj = "hf:owner/repo/mmproj.gguf"
        sha256 = "{sha256(CONTENT)}"
    """)
    status, out, err = machine.pull("sees")
    assert status == 0, err
    assert [line.partition(", ")[0] for line in out.splitlines()] == [
        f"{MODEL}: fetched",
        "path:here.json: nothing to fetch",
        "hf:owner/repo/mmproj.gguf: fetched",
    ]


def test_a_pin_that_the_hub_does_not_meet_saves_the_download(machine: Machine, hub: Hub) -> None:
    """The hub says its sum before it sends anything."""
    (machine.folder / "models.toml").write_text(
        f'[[model]]\nname = "a"\nkind = "chat"\nsource = "{MODEL}"\nsha256 = "{"0" * 64}"\n'
    )
    status, _, err = machine.pull("a")
    assert status == 1
    assert "0000" in err
    assert hub.stored() == []


def test_a_pin_is_checked_where_the_hub_tells_no_sum(machine: Machine, hub: Hub) -> None:
    """A content that another server vouches for is not what was pinned."""
    hub.etag = "a-server-of-another-kind"
    (machine.folder / "models.toml").write_text(
        f'[[model]]\nname = "a"\nkind = "chat"\nsource = "{MODEL}"\nsha256 = "{"0" * 64}"\n'
    )
    assert machine.pull("a")[0] == 1
    assert machine.contents() == []
    status, out, _ = machine.pull(MODEL)
    assert status == 0
    assert "checked by its size alone" in out


def test_files_that_nobody_fetches_are_looked_for(machine: Machine) -> None:
    """One that is missing is status 1."""
    (machine.folder / "models.toml").write_text("""
        [[model]]
        name = "a"
        kind = "embed"
        source = "path:gone.onnx"
        tokenizer = "package:rich/py.typed"
    """)
    status, out, err = machine.pull("a")
    assert status == 1
    assert err.startswith("path:gone.onnx: nothing to fetch, and the file is not here")
    assert out == "package:rich/py.typed: nothing to fetch, the file is here, 0 B\n"


def test_two_pulls_of_one_file_fetch_it_once(machine: Machine, hub: Hub) -> None:
    """The second waits for the first, and says so."""
    hub.cuts, hub.pause_s = [HALF], 2.0
    first = machine.start(MODEL)
    while not hub.stored():
        time.sleep(0.02)
    second = machine.start(MODEL)
    outs = [process.communicate(timeout=30) for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], outs
    assert "waiting for another process" in outs[1][1]
    assert [each.start for each in hub.stored()] == [0, HALF]


def test_a_sum_that_is_a_path_is_refused(machine: Machine, hub: Hub) -> None:
    """It would name a file outside the cache."""
    hub.etag = "../../../../escaped"
    status, _, err = machine.pull(MODEL)
    assert status == 1
    assert "does not answer as a hub does" in err
    assert hub.stored() == []
