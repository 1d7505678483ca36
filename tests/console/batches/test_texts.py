"""Texts in, vectors and answers out, in the order of the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from tests.console.batches.batch_server import DIMENSIONS, Api, vector_of
from tests.console.batches.conftest import Batch

TEXTS = [f"text {number} äöü" for number in range(100)]


def write(path: Path, texts: list[str]) -> list[str]:
    """A text file; its rows."""
    path.write_text("".join(f"{text}\n" for text in texts))
    return texts


def rows_in(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSONL."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_become_an_array_in_their_order(batch: Batch, api: Api, tmp_path: Path) -> None:
    """Although the server answers in another."""
    write(tmp_path / "texts.txt", TEXTS)
    result = batch("submit", "texts.txt", "--model", "m", "--watch", "-o", "out.npy")
    assert result.exit_code == 0, result.output
    found = np.load(tmp_path / "out.npy")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [vector_of(text) for text in TEXTS])
    assert "out.npy: 100 rows, in " in result.stdout


def test_texts_share_lines_and_ask_for_base64(batch: Batch, api: Api, tmp_path: Path) -> None:
    """32 of them on each, and what was uploaded goes by itself after a month."""
    write(tmp_path / "texts.txt", TEXTS)
    assert batch("submit", "texts.txt", "-m", "m").exit_code == 0
    [lines] = api.inputs()
    assert [len(line["body"]["input"]) for line in lines] == [32, 32, 32, 4]
    assert [line["custom_id"] for line in lines][1:] == ["rows-32-63", "rows-64-95", "rows-96-99"]
    assert {line["body"]["encoding_format"] for line in lines} == {"base64"}
    assert {line["url"] for line in lines} == {"/v1/embeddings"}
    assert api.forms == [
        {
            "purpose": "batch",
            "expires_after[anchor]": "created_at",
            "expires_after[seconds]": "2592000",
            "filename": "texts.txt.1-of-1.jsonl",
        }
    ]


def test_vectors_as_floats_are_read_too(batch: Batch, api: Api, tmp_path: Path) -> None:
    """From a server that does not know base64."""
    api.floats = True
    write(tmp_path / "texts.txt", TEXTS)
    assert batch("submit", "texts.txt", "-m", "m", "--watch", "-o", "o.npy").exit_code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), [vector_of(t) for t in TEXTS])


@pytest.mark.parametrize("format", ["jsonl", "npy", "parquet"])
def test_a_blank_line_keeps_its_row(batch: Batch, api: Api, tmp_path: Path, format: str) -> None:
    """First, in between and last; it has no vector, and is no failure."""
    write(tmp_path / "t.txt", ["", "a", "", " \t", "b", "c", ""])
    result = batch("submit", "t.txt", "-m", "m", "--watch", "-o", f"o.{format}")
    assert result.exit_code == 0, result.output
    assert "7 rows, 4 of them blank" in result.stdout
    vectors = read_vectors(tmp_path / f"o.{format}")
    assert [vector is None for vector in vectors] == [True, False, True, True, False, False, True]
    np.testing.assert_array_equal(np.float32(vectors[4]), vector_of("b"))


@pytest.mark.parametrize("format", ["jsonl", "npy", "parquet"])
def test_a_text_that_fails_takes_no_other_with_it(
    batch: Batch, api: Api, tmp_path: Path, format: str
) -> None:
    """The texts of its line get lines of their own; it is listed, and the status is 1."""
    texts = ["BAD first", *TEXTS, "BAD last"]
    write(tmp_path / "t.txt", texts)
    result = batch("submit", "t.txt", "-m", "m", "--watch", "-o", f"o.{format}")
    assert result.exit_code == 1
    assert "102 rows, 2 failed" in result.stdout
    assert "row 0: context_length_exceeded: It is too long.\nrow 101: " in result.stderr
    vectors = read_vectors(tmp_path / f"o.{format}")
    assert [n for n, vector in enumerate(vectors) if vector is None] == [0, 101]
    np.testing.assert_array_equal(
        np.array(vectors[1:-1], np.float32), [vector_of(t) for t in TEXTS]
    )
    first, second = api.inputs()
    assert [len(line["body"]["input"]) for line in first] == [32, 32, 32, 6]
    assert len(second) == 38


def read_vectors(path: Path) -> list[Any]:
    """None for each row without one."""
    match path.suffix:
        case ".npy":
            return [None if np.isnan(row).any() else row for row in np.load(path)]
        case ".parquet":
            return list(pyarrow.parquet.read_table(path)["embedding"].to_pylist())
        case _:
            rows = rows_in(path)
            assert [row["row"] for row in rows] == list(range(len(rows)))
            return [row["embedding"] for row in rows]


def test_a_line_that_nobody_answered_has_failed(batch: Batch, api: Api, tmp_path: Path) -> None:
    """Its rows are not taken for blank ones."""
    api.lost = TEXTS[32:64]
    write(tmp_path / "t.txt", TEXTS)
    result = batch("submit", "t.txt", "-m", "m", "--watch", "-o", "o.npy")
    assert result.exit_code == 1
    assert "100 rows, 32 failed" in result.stdout
    assert "row 32: no_answer: The batch batch_0000 is completed" in result.stderr


def test_a_text_that_was_not_mended_has_failed(batch: Batch, api: Api, tmp_path: Path) -> None:
    """It has the fault of the line that it was in."""
    api.lost = ["lost"]
    write(tmp_path / "t.txt", ["BAD", "a", "lost", "b"])
    result = batch("submit", "t.txt", "-m", "m", "--watch", "-o", "o.npy")
    assert "4 rows, 2 failed" in result.stdout
    assert "row 2: context_length_exceeded" in result.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy")[3], vector_of("b"))


def test_only_ten_failures_are_listed(batch: Batch, api: Api, tmp_path: Path) -> None:
    """And the others counted."""
    write(tmp_path / "t.txt", ["good", *["BAD"] * 30])
    result = batch("submit", "t.txt", "-m", "m", "--watch", "-o", "o.npy")
    assert result.stderr.count("context_length_exceeded") == 10
    assert "... and 20 more." in result.stderr


def test_an_array_without_a_vector_is_not_written(batch: Batch, api: Api, tmp_path: Path) -> None:
    """It would have no width."""
    write(tmp_path / "t.txt", ["BAD", "BAD"])
    result = batch("submit", "t.txt", "-m", "m", "--watch", "-o", "o.npy")
    assert result.exit_code == 1
    assert "o.npy is not written: no row has a vector." in result.stderr
    assert not (tmp_path / "o.npy").exists()


def test_a_column_becomes_a_table(batch: Batch, api: Api, tmp_path: Path) -> None:
    """With line breaks and quotes in its cells; a record that is too short has none."""
    (tmp_path / "t.csv").write_text('id,Text\n1,"a ""b""\nc"\n2,plain\n3\n')
    result = batch("submit", "t.csv", "-m", "m", "--column", "Text", "--watch", "-o", "o.parquet")
    assert result.exit_code == 0, result.output
    table = pyarrow.parquet.read_table(tmp_path / "o.parquet")
    assert table.column_names == ["row", "embedding", "error"]
    assert table["row"].to_pylist() == [0, 1, 2]
    first, second, third = table["embedding"].to_pylist()
    np.testing.assert_array_equal(np.float32(first), vector_of('a "b"\nc'))
    np.testing.assert_array_equal(np.float32(second), vector_of("plain"))
    assert third is None


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("t.tsv", "id\ttext\n1\tx\n", ["--column", "text"]),
        ("t.tsv", "id\ttext\n1\tx\n", ["--column", "2"]),
        ("t.csv", "id;text\n1;x\n", ["--column", "text"]),
        ("t.csv", "text\nx\n", []),
        ("t.csv", "1,x\n", ["--no-header", "--column", "2"]),
        ("t.dat", "id,text\n1,x\n", ["--column", "text"]),
        ("t.csv", "\ufeffid,text\r\n1,x\r\n", ["--column", "text"]),
        ("t.txt", "\ufeffx\r\n", []),
        ("t.txt", "x", []),
    ],
)
def test_texts_are_found_where_they_are(
    batch: Batch, api: Api, tmp_path: Path, *, name: str, content: str, options: list[str]
) -> None:
    """In tables of several kinds, by name or number, and without a last line break."""
    (tmp_path / name).write_bytes(content.encode())
    result = batch("submit", name, "-m", "m", *options)
    assert result.exit_code == 0, result.output
    assert [[line["body"]["input"] for line in lines] for lines in api.inputs()] == [[["x"]]]


def test_a_row_becomes_a_chat(batch: Batch, api: Api, tmp_path: Path) -> None:
    """With the system message and the limits that were asked for; answers in order."""
    api.kind = "chat"
    write(tmp_path / "t.txt", ["hello", "", "BAD", "bye"])
    result = batch(
        *("submit", "t.txt", "-m", "m", "--watch", "--system", "Shout."),
        *("--max-tokens", "5", "--temperature", "0"),
    )
    assert result.exit_code == 1
    [lines] = api.inputs()
    assert lines[0] == {
        "custom_id": "row-0",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Shout."},
                {"role": "user", "content": "hello"},
            ],
            "max_tokens": 5,
            "temperature": 0.0,
        },
    }
    assert rows_in(tmp_path / "t.txt.results.jsonl") == [
        {"row": 0, "content": "HELLO", "finish_reason": "stop"},
        {"row": 1, "content": None},
        {
            "row": 2,
            "content": None,
            "error": {"code": "context_length_exceeded", "message": "It is too long."},
        },
        {"row": 3, "content": "BYE", "finish_reason": "stop"},
    ]


def test_a_row_becomes_a_prompt_in_a_table(batch: Batch, api: Api, tmp_path: Path) -> None:
    """Completions, written as Parquet."""
    write(tmp_path / "t.txt", ["once", "twice"])
    result = batch(
        *("submit", "t.txt", "-m", "m", "--kind", "completions", "--watch"),
        *("--format", "parquet", "-o", "o"),
    )
    assert result.exit_code == 0, result.output
    table = pyarrow.parquet.read_table(tmp_path / "o")
    assert table["content"].to_pylist() == ["ONCE", "TWICE"]


def test_floats_in_lines_are_the_shortest_of_float32(
    batch: Batch, api: Api, tmp_path: Path
) -> None:
    """They read as the same numbers, and have no digits beyond."""
    write(tmp_path / "t.txt", TEXTS)
    assert batch("submit", "t.txt", "-m", "m", "--watch").exit_code == 0
    output = tmp_path / "t.txt.results.jsonl"
    found = np.array([row["embedding"] for row in rows_in(output)], np.float32)
    np.testing.assert_array_equal(found, [vector_of(text) for text in TEXTS])
    assert output.stat().st_size < len(TEXTS) * (DIMENSIONS * 14 + 40)
