"""Batches as contenders: alone, with chats beside, and what the stack's processes hold meanwhile.

A run of minutes shows several things at once, and is made once for all of the rows that show it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from benchmarks import bodies, memory, texts
from benchmarks.batch_client import Followed, follow, written
from benchmarks.figures import Sample, percentile
from benchmarks.interactive import Chat, chatting
from benchmarks.memory import Reading
from benchmarks.over_http import CHAT_PATH, EMBED_PATH, Run
from benchmarks.programs import load
from benchmarks.server import Server

WARM_UP_TEXTS = 64
# A chat every half second: 120 of them, the six slowest of which are above the percentile.
ALONE_S = 60.0
HASTY_ALONE_S = 10.0
# A row that takes its figures from another's run would be watched for a millisecond, in which one
# tick of somebody else's counts as a disturbed machine.
WATCHED_S = 1.0

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Batch:
    """What was seen of one batch: its times, the stack's memory, the chats beside it."""

    followed: Followed
    readings: Sequence[Reading]
    chats: Sequence[Chat]


class Shown(Generic[Found]):
    """Rows that show parts of one run: it is made anew when a row asks for the second time."""

    def __init__(self, run: Callable[[Server], Found]) -> None:
        self._run = run
        self._found: list[Found] = []
        self._shown: set[str] = set()

    def row(self, name: str, part: Callable[[Found], Sample]) -> Run:
        """The contender of one row."""

        def run(server: Server) -> Sample:
            if not self._found or name in self._shown:
                self._found = [self._run(server)]
                self._shown.clear()
            else:
                time.sleep(WATCHED_S)
            self._shown.add(name)
            return part(self._found[0])

        return run


def embedded(server: Server) -> Batch:
    """The texts as one batch of embeddings, with nothing beside it."""
    return answered(server, texts.embed_lines(texts.short_texts(texts.wanted())), "embeddings")


def embedded_beside_chats(server: Server) -> Batch:
    """The same, and chats come all the while."""
    lines = texts.embed_lines(texts.short_texts(texts.wanted()))
    return answered(server, lines, "embeddings", chats=True)


def chatted_beside_chats(server: Server) -> Batch:
    """A batch of chats of the same model that chats come for all the while."""
    return answered(server, texts.chat_lines(texts.CHAT_LINES), "chat/completions", chats=True)


def answered(
    server: Server, lines: Iterator[bytes], endpoint: str, *, chats: bool = False
) -> Batch:
    """One batch, from the upload of its input to the last byte of its output."""
    warm_up(server)
    urls = [server.environment[f"MILLRACE_{role}_URL"] for role in ("QUEUE", "CACHE")]
    ports = [urlsplit(url).port or 0 for url in urls]
    nobody: list[Chat] = []
    with (
        input_file(lines) as (path, number),
        memory.watched(server.pid, *ports) as readings,
        chatting(server, CHAT_PATH) if chats else nullcontext(nobody) as seen,
    ):
        followed = follow(server, number, path, f"/v1/{endpoint}")
    during = [each for each in seen if followed.began_s <= each.due_s < followed.ended_s]
    return Batch(followed, readings, during)


def chats_alone(server: Server) -> Sample:
    """Chats that come at the same rate with nothing beside them."""
    warm_up(server)
    with chatting(server, CHAT_PATH) as seen:
        time.sleep(ALONE_S if texts.wanted() >= texts.TEXTS else HASTY_ALONE_S)
    return ttft(seen)


def speed(batch: Batch) -> Sample:
    """Texts or lines per second."""
    followed = batch.followed
    return {"texts_per_s": followed.lines_per_s, "whole_per_s": followed.whole_per_s}


def patience(batch: Batch) -> Sample:
    """What chats waited for their first token, and how far the batch got meanwhile."""
    return {**ttft(batch.chats), "lines_per_s": batch.followed.lines_per_s}


def held_at_start(batch: Batch) -> Sample:
    """What each part held before the upload."""
    return dict(batch.readings[0].mib)


def held_first(batch: Batch) -> Sample:
    """The peaks of the first half."""
    return memory.halves(batch.readings)[0]


def held_second(batch: Batch) -> Sample:
    """The peaks of the second half, and how much the part that grew most grew."""
    first, second = memory.halves(batch.readings)
    return {**second, "growth": memory.growth(first, second)}


def ttft(chats: Sequence[Chat]) -> Sample:
    """Median and 95th percentile of the time to first token."""
    times = [chat.ttft_ms for chat in chats]
    return {"ttft_p50_ms": percentile(times, 50), "ttft_p95_ms": percentile(times, 95)}


def warm_up(server: Server) -> None:
    """Both models have computed before the clock runs."""
    bodies_of = {
        CHAT_PATH: bodies.chat_bodies(1, tokens=16),
        EMBED_PATH: [bodies.embed_body(texts.short_texts(WARM_UP_TEXTS))],
    }
    for path, asked in bodies_of.items():
        load(server, path, 1, asked)


@contextmanager
def input_file(lines: Iterator[bytes]) -> Iterator[tuple[Path, int]]:
    """The lines as a file, and how many they are."""
    with tempfile.TemporaryDirectory(prefix="millrace-bench-batch-") as name:
        path = Path(name) / "input.jsonl"
        yield path, written(lines, path)
