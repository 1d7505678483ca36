"""A client of files and batches: upload, create, follow, read the output. It keeps the times."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import msgspec

from benchmarks.server import Server

# Often enough for a batch of ten seconds; an answer takes the API some 2 ms.
LOOK_S = 0.25
REQUEST_S = 120.0
LONGEST_S = 1800.0
STOPPED = frozenset({"completed", "failed", "expired", "cancelled"})
_CHUNK_BYTES = 1 << 20


class OutputLine(msgspec.Struct, frozen=True):
    """What is looked at of a line of an output file; the rest of it is passed over."""

    custom_id: str


@dataclass(frozen=True, slots=True)
class Followed:
    """A batch from outside, times on one clock in seconds.

    ``began_s``: the upload begins. ``started_s``: it was seen ``in_progress`` first.
    ``ended_s``: it was seen ``completed``. ``read_s``: the last byte of its output was there.
    """

    lines: int
    began_s: float
    started_s: float
    ended_s: float
    read_s: float
    output_bytes: int

    @property
    def lines_per_s(self) -> float:
        """Computed, stored, and joined to one file, per second."""
        return self.lines / (self.ended_s - self.started_s)

    @property
    def whole_per_s(self) -> float:
        """The same with the upload, the check of the input, and the download."""
        return self.lines / (self.read_s - self.began_s)


def written(lines: Iterable[bytes], path: Path) -> int:
    """Write an input file; the number of its lines."""
    number = 0
    with path.open("wb") as file:
        for line in lines:
            file.write(line)
            number += 1
    return number


def follow(server: Server, lines: int, source: Path, endpoint: str) -> Followed:
    """Have the file ``source`` answered, and read the output to the disk beside it.

    Raises ``RuntimeError`` unless every line is in the output once, and none among the errors.
    """
    base = f"http://{server.host}:{server.port}{server.prefix}"
    output = source.with_suffix(".output")
    with httpx.Client(base_url=base, timeout=REQUEST_S) as http:
        began_s = time.perf_counter()
        batch = created(http, source, endpoint)
        started_s, batch = awaited(http, batch["id"])
        ended_s = time.perf_counter()
        require_completed(batch, lines)
        download(http, batch["output_file_id"], output)
        read_s = time.perf_counter()
        for file_id in (batch["input_file_id"], batch["output_file_id"]):
            http.delete(f"/files/{file_id}").raise_for_status()
    require_each_once(output, lines)
    size = output.stat().st_size
    output.unlink()
    return Followed(lines, began_s, started_s, ended_s, read_s, size)


def created(http: httpx.Client, source: Path, endpoint: str) -> dict[str, Any]:
    """Upload the input and make the batch."""
    with source.open("rb") as file:
        answer = http.post(
            "/files", data={"purpose": "batch"}, files={"file": ("input.jsonl", file)}
        )
    order = {
        "input_file_id": told(answer)["id"],
        "endpoint": endpoint,
        "completion_window": "24h",
    }
    return told(http.post("/batches", json=order))


def awaited(http: httpx.Client, batch_id: str) -> tuple[float, dict[str, Any]]:
    """When the batch was first seen to compute, and the batch as it ended."""
    give_up_at = time.perf_counter() + LONGEST_S
    started_s = 0.0
    while time.perf_counter() < give_up_at:
        batch = told(http.get(f"/batches/{batch_id}"))
        if not started_s and batch["status"] != "validating":
            started_s = time.perf_counter()
        if batch["status"] in STOPPED:
            return started_s, batch
        time.sleep(LOOK_S)
    raise TimeoutError(f"the batch has no end after {LONGEST_S:.0f} s: {batch}")


def told(answer: httpx.Response) -> dict[str, Any]:
    """The answer's body; raises with it where it is an error."""
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.request.url}: {answer.status_code} {answer.text[-500:]}")
    return msgspec.json.decode(answer.content, type=dict[str, Any])


def require_completed(batch: dict[str, Any], lines: int) -> None:
    """Raise unless all is done, and done well."""
    counts = {"total": lines, "completed": lines, "failed": 0}
    told_counts = {name: batch["request_counts"][name] for name in counts}
    if batch["status"] != "completed" or told_counts != counts or batch.get("error_file_id"):
        raise RuntimeError(f"not completed as it should be: {batch}")


def download(http: httpx.Client, file_id: str, target: Path) -> None:
    """The content of a file, as it comes, to the disk."""
    with http.stream("GET", f"/files/{file_id}/content") as answer, target.open("wb") as file:
        answer.raise_for_status()
        for chunk in answer.iter_bytes(_CHUNK_BYTES):
            file.write(chunk)


def require_each_once(output: Path, lines: int) -> None:
    """Raise unless the output has so many lines, each of an id of its own."""
    decoder = msgspec.json.Decoder(OutputLine)
    with output.open("rb") as file:
        ids = [decoder.decode(line).custom_id for line in file]
    if len(ids) != lines or len(set(ids)) != lines:
        raise RuntimeError(f"{len(ids)} lines of {len(set(ids))} ids instead of {lines}")
