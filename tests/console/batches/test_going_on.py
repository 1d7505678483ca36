"""What was interrupted, refused or lost on the way is gone on with, and computed once."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.console.batches.batch_server import Api, serving, vector_of
from tests.console.batches.conftest import Batch, command, environment, start
from tests.console.terminal import Terminal

TEXTS = [f"text {number}" for number in range(100)]
SUBMIT = ("submit", "t.txt", "-m", "m", "-o", "o.npy")
STATE = "o.npy.batches.json"


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hundred texts, ten to a batch."""
    monkeypatch.setenv("MILLRACE_BATCH_MAX_INPUTS", "10")
    (tmp_path / "t.txt").write_text("".join(f"{text}\n" for text in TEXTS))
    return tmp_path / "t.txt"


def check_output(folder: Path) -> None:
    """All vectors, and nothing else left."""
    np.testing.assert_array_equal(np.load(folder / "o.npy"), [vector_of(t) for t in TEXTS])
    assert sorted(each.name for each in folder.iterdir()) == ["o.npy", "t.txt"]


def wait_until(is_so: Callable[[], bool]) -> None:
    """For twenty seconds at most."""
    give_up_at = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_a_large_file_is_many_batches_a_few_at_once(batch: Batch, api: Api, tmp_path: Path) -> None:
    """Each says in its metadata of which file it is which part."""
    api.looks = 5
    result = batch(*SUBMIT, "--watch", "--metadata", "team=search")
    assert result.exit_code == 0, result.output
    assert api.made() == 10
    assert api.most_open == 4
    third = api.batches["batch_0002"]["metadata"]
    assert third["team"] == "search"
    assert (third["millrace_part"], third["millrace_rows"]) == ("3/10", "20+10")
    check_output(tmp_path)


def test_without_watching_all_are_submitted_and_named(
    batch: Batch, api: Api, tmp_path: Path
) -> None:
    """Once: a second call names the same, and with --watch gets their results."""
    first, second = batch(*SUBMIT), batch(*SUBMIT)
    assert first.exit_code == second.exit_code == 0
    assert first.stdout.split() == second.stdout.split() == list(api.batches)
    assert api.made() == 10
    assert batch(*SUBMIT, "--watch").exit_code == 0
    assert api.made() == 10
    check_output(tmp_path)


@pytest.mark.parametrize(("end", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_submission_that_was_ended_is_gone_on_with(
    batch: Batch, api: Api, tmp_path: Path, end: signal.Signals, status: int
) -> None:
    """Whether it could say goodbye or not; no part is made twice."""
    api.held = True
    process = start(api, tmp_path, *SUBMIT, "--watch")
    wait_until(lambda: api.made() == 4 and api.looked.get("batch_0003", 0) > 1)
    process.send_signal(end)
    _, err = process.communicate(timeout=20)
    assert process.returncode == status
    if end == signal.SIGINT:
        assert "Interrupted: 4 of 10 batches submitted, which go on." in err
    api.held = False
    result = batch(*SUBMIT, "--watch")
    assert result.exit_code == 0, result.output
    assert api.made() == 10
    check_output(tmp_path)


def test_a_batch_whose_answer_was_lost_is_found_again(
    batch: Batch, api: Api, tmp_path: Path
) -> None:
    """It was made, and is not made twice."""
    api.drop = {"POST /v1/batches": 2}
    result = batch(*SUBMIT, "--watch")
    assert result.exit_code == 0, result.output
    assert api.made() == 10
    check_output(tmp_path)


def test_a_batch_that_was_made_but_not_remembered_is_found_again(
    batch: Batch, api: Api, tmp_path: Path
) -> None:
    """The command died between the answer and its own memory."""
    assert batch(*SUBMIT).exit_code == 0
    state = json.loads((tmp_path / STATE).read_text())
    for part in state["parts"][3:]:
        del part["batch_id"]
    (tmp_path / STATE).write_text(json.dumps(state))
    result = batch(*SUBMIT, "--watch")
    assert result.exit_code == 0, result.output
    assert api.made() == 10
    check_output(tmp_path)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(batch: Batch, api: Api, tmp_path: Path, status: int) -> None:
    """For uploads, batches, looks and downloads."""
    api.refuse = {
        "POST /v1/files": [status],
        "POST /v1/batches": [status, status],
        "GET /v1/batches/batch_0001": [status],
        "GET /v1/files/file-batch_0001-output/content": [status],
    }
    result = batch(*SUBMIT, "--watch")
    assert result.exit_code == 0, result.output
    assert not any(api.refuse.values())
    assert api.made() == 10
    check_output(tmp_path)


def test_a_server_says_how_long_to_wait(batch: Batch, api: Api) -> None:
    """And is not asked before."""
    api.retry_after_ms = 400
    api.refuse = {"GET /v1/batches": [429]}
    began = time.monotonic()
    assert batch("list").exit_code == 0
    assert time.monotonic() - began >= 0.4


def test_a_server_that_fails_on_a_batch_is_not_asked_again(batch: Batch, api: Api) -> None:
    """A 500 does not say that the batch was not taken."""
    api.refuse = {"POST /v1/batches": [500]}
    result = batch(*SUBMIT)
    assert result.exit_code == 1
    assert result.stderr == "Not now.\n"
    assert sum(each.method == "POST" for each in api.asked if "/batches" in each.path) == 1


def test_an_api_that_goes_away_is_waited_for(api: Api, tmp_path: Path) -> None:
    """While batches are watched, longer than a request is repeated."""
    with serving(Api(held=True)) as mortal:
        process = start(mortal, tmp_path, *SUBMIT, "--watch")
        wait_until(lambda: mortal.made() == 4)
    time.sleep(1.5)
    mortal.held = False
    with serving(mortal, int(mortal.url.rpartition(":")[2])):
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "It is waited for." in err
    check_output(tmp_path)


def test_a_terminal_shows_number_rate_and_the_time_left(api: Api, tmp_path: Path) -> None:
    """While it goes on; Ctrl-C says how to come back."""
    api.looks = 60
    terminal = Terminal(command(*SUBMIT, "--watch"), cwd=tmp_path, env=environment(api), width=120)
    try:
        terminal.wait_for("4 in_progress")
        terminal.wait_for("/100")
        terminal.wait_for("texts/s")
        terminal.wait_for("0:00:")
        assert terminal.interrupt() == 130
        terminal.wait_for("The same command goes")
    finally:
        terminal.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-m", "other"), "asked for something else"),
        (("-m", "m", "--kind", "chat"), "asked for something else"),
    ],
)
def test_another_call_for_the_same_output_is_refused(
    batch: Batch, api: Api, arguments: tuple[str, ...], said: str
) -> None:
    """It would mix answers of two kinds."""
    assert batch("submit", "t.txt", "-m", "m", "-o", "o.jsonl").exit_code == 0
    result = batch("submit", "t.txt", *arguments, "-o", "o.jsonl")
    assert result.exit_code == 1
    assert said in result.stderr


def test_a_file_that_changed_is_not_gone_on_with(batch: Batch, api: Api, file: Path) -> None:
    """Its rows are others now."""
    assert batch(*SUBMIT).exit_code == 0
    file.write_text("something else\n")
    result = batch(*SUBMIT, "--watch")
    assert result.exit_code == 1
    assert "t.txt has changed since it was submitted" in result.stderr


def test_another_server_is_not_gone_on_with(batch: Batch, api: Api) -> None:
    """It has none of these batches."""
    assert batch(*SUBMIT).exit_code == 0
    result = batch(*SUBMIT, "--kind", "embeddings", "--url", "http://127.0.0.1:9/v1")
    assert result.exit_code == 1
    assert f"are at {api.url}, not http://127.0.0.1:9." in result.stderr


def test_an_output_that_is_there_is_not_written_over(
    batch: Batch, api: Api, tmp_path: Path
) -> None:
    """Nothing is submitted for it."""
    (tmp_path / "o.npy").write_text("precious")
    result = batch(*SUBMIT, "--watch")
    assert result.exit_code == 1
    assert "o.npy exists" in result.stderr
    assert api.made() == 0


def test_two_commands_for_one_output_do_not_meet(api: Api, batch: Batch, tmp_path: Path) -> None:
    """The second says so and ends."""
    api.held = True
    process = start(api, tmp_path, *SUBMIT, "--watch")
    wait_until(lambda: api.made() == 4)
    result = batch(*SUBMIT, "--watch")
    assert result.exit_code == 1
    assert "Another command is working with" in result.stderr
    process.kill()
    process.communicate()


def test_a_part_that_expired_is_delivered_as_far_as_it_is(
    batch: Batch, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What never ran is not sent again, and counted as failed."""
    monkeypatch.setattr("console.batches.submission.INPUTS_PER_LINE", 5)
    api.end = "expired"
    result = batch(*SUBMIT, "--watch")
    assert result.exit_code == 1
    assert "100 rows, 50 failed" in result.stdout
    assert "batch_expired: It took too long." in result.stderr
    assert api.made() == 10
    assert np.isnan(np.load(tmp_path / "o.npy")).any(axis=1).sum() == 50


def test_no_more_than_a_part_is_in_memory(api: Api, tmp_path: Path) -> None:
    """300,000 texts take no more of it than 30,000."""
    peaks = []
    for number in (30_000, 300_000):
        folder = tmp_path / str(number)
        folder.mkdir()
        with (folder / "t.txt").open("w") as file:
            file.writelines(f"text {each}, and something more of it\n" for each in range(number))
        with serving(Api()) as own:
            script = command(*SUBMIT, "--watch")
            script[2] = script[2].replace(
                "main()",
                "import atexit, resource; atexit.register(lambda: print(resource."
                "getrusage(resource.RUSAGE_SELF).ru_maxrss)); main()",
                1,
            )
            variables = environment(own, MILLRACE_BATCH_MAX_INPUTS="10000")
            printed = subprocess.check_output(script, cwd=folder, env=variables, text=True)
        assert len(np.load(folder / "o.npy", mmap_mode="r")) == number
        peaks.append(int(printed.split()[-1]))
    assert peaks[1] < peaks[0] * 1.15, peaks
