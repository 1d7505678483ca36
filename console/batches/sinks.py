"""OUT in its format, row by row, under another name until it is whole.

JSONL takes everything, Parquet takes texts and vectors, NumPy vectors alone. A row without a
vector is null, in NumPy a row of NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, get_args

import numpy as np
import orjson

from console.batches.asking import Kind
from console.batches.faults import Unusable
from console.batches.results import Row

Format = Literal["jsonl", "npy", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)

# Rows of a table that are written together.
_GROUP_ROWS = 16_384
_GROUP_BYTES = 32 * 1024 * 1024


class Sink(Protocol):
    """Takes the rows in their order."""

    def add(self, row: Row) -> None:
        """The next row."""

    def finish(self) -> None:
        """There are no more."""


class NoVectors(Exception):
    """Raised when nothing has a vector, and the format is one of vectors."""


@contextmanager
def writing(output: Path, format: Format, kind: Kind, *, with_ids: bool) -> Iterator[Sink]:
    """What writes OUT; it is there when the block ends well, and nothing of it otherwise."""
    growing = output.with_name(f"{output.name}.part")
    try:
        with growing.open("wb") as file:
            sink = _sink(file, format, kind, with_ids)
            yield sink
            sink.finish()
        growing.replace(output)
    finally:
        growing.unlink(missing_ok=True)


def check_format(format: Format, kind: Kind) -> None:
    """``Unusable`` for a format that cannot hold such answers, or that is not installed."""
    if format == "npy" and kind != "embeddings":
        raise Unusable("NumPy holds vectors alone: texts are written as jsonl or parquet.")
    if format == "parquet":
        _pyarrow()


def _sink(file: BinaryIO, format: Format, kind: Kind, with_ids: bool) -> Sink:
    match format:
        case "npy":
            return NumPy(file)
        case "parquet":
            return Parquet(file, kind, with_ids=with_ids)
        case _:
            return JSONLines(file, kind)


class JSONLines:
    """An object for each row; where requests were ready the server's own lines."""

    def __init__(self, file: BinaryIO, kind: Kind) -> None:
        self._file = file
        self._answer = "embedding" if kind == "embeddings" else "content"

    def add(self, row: Row) -> None:
        """The next row. Floats are the shortest that read as the same float32."""
        if row.raw:
            self._file.write(row.raw)
            return
        written: dict[str, Any] = {"row": row.row, self._answer: row.content}
        if row.vector is not None:
            written[self._answer] = np.frombuffer(row.vector, "<f4")
        if row.finish_reason is not None:
            written["finish_reason"] = row.finish_reason
        if row.fault is not None:
            written["error"] = {"code": row.fault.code, "message": row.fault.message}
        options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
        self._file.write(orjson.dumps(written, option=options))

    def finish(self) -> None:
        """Nothing is left to do."""


class NumPy:
    """An array of float32, a row for each. It grows as a file does, and is in no memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rows = 0
        self._empty = b""

    def add(self, row: Row) -> None:
        """The next row; how long it is says the first vector."""
        if row.vector is not None and not self._empty:
            self._empty = np.full(len(row.vector) // 4, np.nan, "<f4").tobytes()
            self._write_header()
            for _ in range(self._rows):
                self._file.write(self._empty)
        if self._empty:
            self._file.write(row.vector or self._empty)
        self._rows += 1

    def finish(self) -> None:
        """Say how many there are; the header has room for any number."""
        if not self._empty:
            raise NoVectors
        self._file.seek(0)
        self._write_header()

    def _write_header(self) -> None:
        shape = (self._rows, len(self._empty) // 4)
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)


class Parquet:
    """A table: row, where requests were ready custom_id, embedding or content, and error."""

    def __init__(self, file: BinaryIO, kind: Kind, *, with_ids: bool) -> None:
        self._arrow, self._parquet = _pyarrow()
        arrow = self._arrow
        self._vectors = kind == "embeddings"
        answer = (
            [("embedding", arrow.list_(arrow.float32()))]
            if self._vectors
            else [("content", arrow.string()), ("finish_reason", arrow.string())]
        )
        ids = [("custom_id", arrow.string())] if with_ids else []
        fields = [("row", arrow.int64()), *ids, *answer, ("error", arrow.string())]
        self._schema = arrow.schema(fields)
        self._writer = self._parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[Row] = []
        self._waiting_bytes = 0

    def add(self, row: Row) -> None:
        """The next row; they are written together, a group at a time."""
        self._waiting.append(row)
        self._waiting_bytes += len(row.vector or row.content or "")
        if len(self._waiting) >= _GROUP_ROWS or self._waiting_bytes >= _GROUP_BYTES:
            self._flush()

    def finish(self) -> None:
        """Write the rest, and the table's foot."""
        if self._waiting:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        arrow, rows = self._arrow, self._waiting
        columns = {
            "row": arrow.array([row.row for row in rows], arrow.int64()),
            "custom_id": arrow.array([row.custom_id for row in rows], arrow.string()),
            "content": arrow.array([row.content for row in rows], arrow.string()),
            "finish_reason": arrow.array([row.finish_reason for row in rows], arrow.string()),
            "error": arrow.array(
                [f"{row.fault.code}: {row.fault.message}" if row.fault else None for row in rows],
                arrow.string(),
            ),
        }
        if self._vectors:
            columns["embedding"] = self._lists([row.vector for row in rows])
        self._writer.write_batch(
            arrow.record_batch([columns[name] for name in self._schema.names], self._schema)
        )
        self._waiting, self._waiting_bytes = [], 0

    def _lists(self, vectors: list[bytes | None]) -> Any:
        """Without a Python object for each number."""
        arrow = self._arrow
        lengths = [len(vector) // 4 if vector is not None else 0 for vector in vectors]
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
        values = np.frombuffer(b"".join(vector for vector in vectors if vector), "<f4")
        absent = arrow.array([vector is None for vector in vectors], arrow.bool_())
        return arrow.ListArray.from_arrays(
            arrow.array(offsets, arrow.int32()), arrow.array(values, arrow.float32()), mask=absent
        )


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise Unusable(
            "Parquet needs pyarrow, which is not installed: pip install 'millrace[parquet]'."
        ) from error
    return pyarrow, pyarrow.parquet
