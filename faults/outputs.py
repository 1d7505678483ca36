"""What a batch gave back, line by line, against what was asked: each once, none besides. Pure."""

from __future__ import annotations

import base64
import struct
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from faults.audit import Counts


class OutputLine(msgspec.Struct, frozen=True):
    """A line of an output file or of an error file."""

    custom_id: str
    response: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    @property
    def answer(self) -> dict[str, Any]:
        """The body of the answer; empty where there is none."""
        return (self.response or {}).get("body") or {}

    @property
    def well(self) -> bool:
        """Whether it was answered, and not with an error."""
        return self.error is None and (self.response or {}).get("status_code") == 200


@dataclass(slots=True)
class Returned:
    """How often each id came back, how many lines were answers, and the answers that were kept."""

    times: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def read(self, lines: Iterable[bytes], wanted: Collection[str], *, errors: bool) -> None:
        """Take in the lines of a file: of the error file, or of the other one.

        Of the ids in ``wanted`` the answers are kept.
        """
        decoder = msgspec.json.Decoder(OutputLine)
        for raw in lines:
            line = decoder.decode(raw)
            self.times[line.custom_id] += 1
            self.answered += not errors
            self.failed += errors
            self.prompt_tokens += int(line.answer.get("usage", {}).get("prompt_tokens", 0))
            if errors or not line.well:
                self.errors.append(f"{line.custom_id}: {raw[-200:].decode(errors='replace')}")
            elif line.custom_id in wanted:
                self.answers[line.custom_id] = line.answer


def count_lines(counts: Counts, returned: Returned, asked: Collection[str]) -> None:
    """Count what is lost, and what came back more than once or unasked.

    Every line was good: one in the error file is a broken promise.
    """
    for custom_id in asked:
        times = returned.times.get(custom_id, 0)
        if times == 0:
            counts.breach("lost", custom_id)
        elif times > 1:
            counts.breach("doubled_ends", f"{custom_id} came {times} times")
    unasked = returned.times.keys() - set(asked)
    counts.require(not unasked, f"{len(unasked)} lines that nobody asked for")
    for error in returned.errors:
        counts.require(False, error)


def count_totals(counts: Counts, batch: dict[str, Any], returned: Returned, lines: int) -> None:
    """Hold what the batch says of itself against its files."""
    stated = batch["request_counts"]
    found = {"total": lines, "completed": returned.answered, "failed": returned.failed}
    agree = all(stated[name] == number for name, number in found.items())
    counts.require(agree, f"the batch says {stated}, its files {found}")
    used = (batch.get("usage") or {}).get("input_tokens")
    counts.require(
        used == returned.prompt_tokens,
        f"the batch says {used} tokens, its lines {returned.prompt_tokens}",
    )


def vector(answer: dict[str, Any]) -> tuple[float, ...]:
    """The one vector of an answer, which may be written as numbers or as base64."""
    [entry] = answer["data"]
    told = entry["embedding"]
    if isinstance(told, str):
        raw = base64.b64decode(told)
        return struct.unpack(f"<{len(raw) // 4}f", raw)
    return tuple(told)


def apart(one: Sequence[float], other: Sequence[float]) -> float:
    """The largest difference between two vectors; infinite when they are not as long."""
    if len(one) != len(other):
        return float("inf")
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
