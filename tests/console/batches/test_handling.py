"""Getting, listing, cancelling and watching batches by their ids, and what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import numpy as np
import pytest

from console.batches.server import asked_wait_s
from tests.console.batches.batch_server import Api, vector_of
from tests.console.batches.conftest import Batch

TEXTS = [f"text {number}" for number in range(40)]


@pytest.fixture
def submitted(batch: Batch, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two batches of twenty texts."""
    monkeypatch.setenv("MILLRACE_BATCH_MAX_INPUTS", "20")
    (tmp_path / "t.txt").write_text("".join(f"{text}\n" for text in TEXTS))
    return batch("submit", "t.txt", "-m", "m").stdout.split()


def test_results_of_several_batches_are_put_together(
    batch: Batch, submitted: list[str], tmp_path: Path
) -> None:
    """In the order of the file, whatever the order of the ids."""
    assert batch("watch", *submitted).exit_code == 0
    result = batch("get", *reversed(submitted), "--output", "o.npy")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), [vector_of(t) for t in TEXTS])


def test_a_batch_of_somebody_else_is_in_the_order_of_its_input(
    batch: Batch, api: Api, tmp_path: Path
) -> None:
    """Which the server has; once that is deleted, in the order of the output."""
    lines = [
        {
            "custom_id": f"id-{number}",
            "method": "POST",
            "url": "/v1/embeddings",
            "body": {"model": "m", "input": f"text {number}"},
        }
        for number in range(20)
    ]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    [batch_id] = batch("submit", "r.jsonl").stdout.split()
    assert batch("watch", batch_id).exit_code == 0
    assert batch("get", batch_id, "-o", "o.npy").exit_code == 0
    expected = [vector_of(text) for text in TEXTS[:20]]
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), expected)
    del api.files[api.batches[batch_id]["input_file_id"]]
    result = batch("get", batch_id, "-o", "p.npy")
    assert "its input is deleted" in result.stderr
    found, known = np.load(tmp_path / "p.npy").tolist(), np.stack(expected).tolist()
    assert sorted(found) == sorted(known)
    assert found != known


def test_a_batch_is_shown(batch: Batch, api: Api, submitted: list[str]) -> None:
    """In a table, or as the API has it."""
    batch("watch", *submitted)
    table = batch("get", *submitted).stdout.splitlines()
    assert table[0].split() == [
        *("ID", "STATUS", "ENDPOINT", "DONE", "FAILED", "TOTAL", "AGE", "EXPIRES", "PART")
    ]
    assert table[2].split()[:6] == ["batch_0001", "completed", "/v1/embeddings", "1", "0", "1"]
    shown = json.loads(batch("get", *submitted, "--json").stdout)
    assert shown == list(api.batches.values())


def test_the_newest_are_listed_over_pages(batch: Batch, api: Api, submitted: list[str]) -> None:
    """Newest first; that there are more is said."""
    batch("submit", "t.txt", "-m", "m", "-o", "other")
    result = batch("list", "--limit", "3")
    ids = [line.split()[0] for line in result.stdout.splitlines()[1:]]
    assert ids == ["batch_0003", "batch_0002", "batch_0001"]
    assert "There are more than 3" in result.stderr
    assert len(json.loads(batch("list", "--json").stdout)) == 4


def test_batches_are_cancelled(batch: Batch, api: Api, submitted: list[str]) -> None:
    """One that has ended is refused, and stops none of the others."""
    api.batches["batch_0000"]["status"] = "completed"
    result = batch("cancel", *submitted)
    assert result.exit_code == 1
    assert result.stderr == "The batch 'batch_0000' is completed.\n"
    assert result.stdout == "batch_0001 cancelling\n"


def test_watching_ends_with_what_became_of_them(
    batch: Batch, api: Api, submitted: list[str]
) -> None:
    """Status 1 where one did not complete, with its reasons."""
    api.end = "failed"
    result = batch("watch", *submitted)
    assert result.exit_code == 1
    assert "batch_0000, line 1: invalid_json: No JSON." in result.stderr


def test_what_has_no_results_yet_is_refused(
    batch: Batch, api: Api, submitted: list[str], tmp_path: Path
) -> None:
    """And nothing is written."""
    api.held = True
    result = batch("get", *submitted, "-o", "o.npy")
    assert result.exit_code == 1
    assert result.stderr == "batch_0000 is in_progress and has no results.\n"
    assert not (tmp_path / "o.npy").exists()


@pytest.mark.parametrize("variable", ["MILLRACE_KEY", "OPENAI_API_KEY", "--key"])
def test_the_key_is_shown_to_the_server(
    batch: Batch, api: Api, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """From either variable or the option; a wrong one is the server's own line."""
    api.needs_key = "sk-secret"
    result = batch("list")
    assert (result.exit_code, result.stderr) == (1, "This key is not known.\n")
    if variable == "--key":
        assert batch("list", "--key", "sk-secret").exit_code == 0
        return
    monkeypatch.setenv(variable, "sk-secret")
    assert batch("list").exit_code == 0


def test_the_address_is_found_in_the_settings(
    batch: Batch, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An URL with or without /v1, or the port of the API of this machine."""
    port = api.url.rpartition(":")[2]
    assert batch("list", "--url", f"{api.url}/v1/").exit_code == 0
    monkeypatch.setenv("MILLRACE_URL", f"{api.url}/v1")
    assert batch("list").exit_code == 0
    monkeypatch.delenv("MILLRACE_URL")
    monkeypatch.setenv("MILLRACE_API_PORT", port)
    monkeypatch.setenv("MILLRACE_API_HOST", "0.0.0.0")
    assert batch("list").exit_code == 0
    assert len(api.asked) == 3


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("list", "--url", "http://127.0.0.1:1"), 2, "Cannot reach the API at http://127.0.0.1:1"),
        (("list", "--url", "127.0.0.1"), 2, "is no URL of an API"),
        (("list", "--url", "ftp://127.0.0.1"), 2, "is no URL of an API"),
        (("list", "--url", "http://"), 2, "is no URL of an API"),
        (("get", "batch_x", "-o", "t.txt"), 1, "t.txt exists"),
        (("get", "batch_x"), 1, "There is no /v1/batches/batch_x"),
        (("get", "../files"), 1, "There is no /v1/batches/..%2Ffiles"),
        (("submit", "none.txt", "-m", "m"), 2, "none.txt cannot be read"),
        (("submit", "t.txt"), 2, "--model is missing"),
        (("submit", "empty.txt", "-m", "m"), 2, "empty.txt has nothing to compute"),
        (("submit", "blank.txt", "-m", "m"), 2, "blank.txt has nothing to compute"),
        (("submit", "latin.txt", "-m", "m"), 2, "latin.txt, line 2: it is no UTF-8"),
        (("submit", "t.csv", "-m", "m"), 2, "--column names one: 'id' (1), 'text' (2)."),
        (("submit", "t.csv", "-m", "m", "--column", "x"), 2, "it has 'id' (1), 'text' (2)."),
        (("submit", "t.csv", "-m", "m", "--column", "3"), 2, "has no column '3'"),
        (("submit", "t.csv", "-m", "m", "--no-header"), 2, "--column is a number"),
        (("submit", "t.txt", "-m", "m", "--kind", "chat", "--format", "npy"), 2, "vectors alone"),
        (("submit", "t.txt", "-m", "m", "--system", "x"), 2, "--system is for chats"),
        (("submit", "t.txt", "-m", "m", "--metadata", "x"), 2, "write NAME=VALUE"),
        (("submit", "long.txt", "-m", "m"), 2, "row 1: its request has 2.0 KiB"),
        (("submit", "t.txt", "-m", "m", "-o", "none/o.npy"), 2, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    batch: Batch,
    api: Api,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    arguments: tuple[str, ...],
    status: int,
    said: str,
) -> None:
    """With its status, before anything is submitted."""
    monkeypatch.setenv("MILLRACE_BODY_LIMIT_BYTES", "1024")
    (tmp_path / "t.txt").write_text("text\n")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "blank.txt").write_text("\n \n")
    (tmp_path / "latin.txt").write_bytes(b"fine\nf\xfcr\n")
    (tmp_path / "t.csv").write_text("id,text\n1,x\n")
    (tmp_path / "long.txt").write_text(f"\n{'x' * 1900}\n")
    result = batch(*arguments)
    assert said in result.stderr
    assert (result.exit_code, result.stderr.count("\n")) == (status, 1)
    assert api.batches == {}


def test_parquet_without_its_library_says_how_to_get_it(
    batch: Batch, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is submitted."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "t.txt").write_text("text\n")
    result = batch("submit", "t.txt", "-m", "m", "--format", "parquet")
    assert result.exit_code == 2
    assert "pip install 'millrace[parquet]'" in result.stderr
    assert api.batches == {}


def test_a_server_of_another_kind_is_one_line(batch: Batch, api: Api) -> None:
    """It answers with something, and status 2 says that it is nothing of ours."""
    api.batches["batch_x"] = {"html": "hello"}
    result = batch("get", "batch_x")
    assert result.exit_code == 2
    assert "no API of batches" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"Retry-After": "3"}, 3.0),
        ({"Retry-After": "3", "retry-after-ms": "250"}, 0.25),
        ({"Retry-After": "86400"}, 120.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
    ],
)
def test_a_wait_is_asked_for_in_three_ways(headers: dict[str, str], wait_s: float | None) -> None:
    """Milliseconds go before seconds, a time of day is understood, two minutes are the most."""
    assert asked_wait_s(httpx2.Headers(headers)) == wait_s
