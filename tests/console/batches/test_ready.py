"""Files of requests as OpenAI's clients write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from tests.console.batches.batch_server import Api, vector_of
from tests.console.batches.conftest import Batch


def embedding(custom_id: str, texts: Any) -> dict[str, Any]:
    """A request for vectors."""
    body = {"model": "m", "input": texts}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/embeddings", "body": body}


def write(path: Path, requests: list[dict[str, Any]]) -> None:
    """A batch file, with a blank line in it."""
    path.write_text("\n\n".join(json.dumps(each) for each in requests))


def test_its_lines_are_sent_as_they_are_and_answered_in_order(
    batch: Batch, api: Api, tmp_path: Path
) -> None:
    """The server's own lines, failures among them."""
    requests = [embedding(f"id-{n}", f"BAD {n}" if n == 7 else f"text {n}") for n in range(20)]
    write(tmp_path / "r.jsonl", requests)
    result = batch("submit", "r.jsonl", "--watch", "-o", "o.jsonl")
    assert result.exit_code == 1
    assert "20 rows, 1 failed" in result.stdout
    assert "row 7 (id-7): context_length_exceeded" in result.stderr
    assert api.inputs() == [requests]
    found = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [each["custom_id"] for each in found] == [each["custom_id"] for each in requests]
    assert [each["response"]["status_code"] for each in found].index(400) == 7


def test_every_input_is_a_row_of_an_array(batch: Batch, api: Api, tmp_path: Path) -> None:
    """Also of a request that failed."""
    requests = [embedding("b", ["x", "y"]), embedding("c", ["BAD", "y"]), embedding("a", "z")]
    write(tmp_path / "r.jsonl", requests)
    assert batch("submit", "r.jsonl", "--watch", "-o", "o.npy").exit_code == 1
    found = np.load(tmp_path / "o.npy")
    np.testing.assert_array_equal(found[[0, 1, 4]], [vector_of(text) for text in "xyz"])
    assert np.isnan(found[2:4]).all()


def test_a_table_has_the_custom_ids(batch: Batch, api: Api, tmp_path: Path) -> None:
    """Beside row, embedding and error."""
    write(tmp_path / "r.jsonl", [embedding("b", ["x", "y"]), embedding("a", "BAD")])
    assert batch("submit", "r.jsonl", "--watch", "-o", "o.parquet").exit_code == 1
    table = pyarrow.parquet.read_table(tmp_path / "o.parquet")
    assert table.column_names == ["row", "custom_id", "embedding", "error"]
    assert table["custom_id"].to_pylist() == ["b", "b", "a"]
    assert table["error"].to_pylist()[2] == "context_length_exceeded: It is too long."


def test_inputs_are_counted_against_the_limit(
    batch: Batch, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request with many texts is many; a list of token ids is one."""
    monkeypatch.setenv("MILLRACE_BATCH_MAX_INPUTS", "4")
    requests = [embedding("a", ["x"] * 3), embedding("b", ["y"] * 2), embedding("c", [1, 2, 3, 4])]
    write(tmp_path / "r.jsonl", requests)
    assert batch("submit", "r.jsonl").exit_code == 0
    assert [[line["custom_id"] for line in lines] for lines in api.inputs()] == [["a"], ["b", "c"]]


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("{}\n", [], "has no batch requests"),
        (json.dumps(embedding("a", "x")) + "\n{", [], "line 2 is no request of a batch"),
        (json.dumps({**embedding("a", "x"), "url": "/v1/x"}), [], "asks /v1/x; batches are of"),
        (json.dumps(embedding("a", "x")), ["--model", "m"], "--model is for texts"),
        (json.dumps(embedding("a", "x")), ["--kind", "chat"], "are embeddings, not chat"),
        (
            json.dumps(embedding("a", "x"))
            + "\n"
            + json.dumps({**embedding("b", "x"), "url": "/v1/completions"}),
            [],
            "line 2 asks /v1/completions, and the first line /v1/embeddings",
        ),
    ],
)
def test_what_cannot_be_sent_is_one_line(
    batch: Batch, api: Api, tmp_path: Path, *, content: str, options: list[str], said: str
) -> None:
    """And status 2, before anything is submitted."""
    (tmp_path / "r.jsonl").write_text(content)
    result = batch("submit", "r.jsonl", *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert api.batches == {}


def test_why_a_batch_failed_is_said_with_the_line_of_the_file(
    batch: Batch, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server counts within the part."""
    monkeypatch.setenv("MILLRACE_BATCH_MAX_LINES", "2")
    api.end = "failed"
    (tmp_path / "r.jsonl").write_text(
        "".join(json.dumps(embedding(f"{n}", "x")) + "\n" for n in range(4))
    )
    result = batch("submit", "r.jsonl", "--watch", "-o", "o.jsonl")
    assert result.exit_code == 1
    assert "batch_0000, line 1: invalid_json: No JSON." in result.stderr
    assert "batch_0001, line 3: invalid_json: No JSON." in result.stderr
    assert "There are no results" in result.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "r.jsonl"]
