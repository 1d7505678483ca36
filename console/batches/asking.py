"""What is asked about each row: a request of a batch, with a custom_id that leads back to its rows.

Texts to embed share a line, ``INPUTS_PER_LINE`` of them: what surrounds a single text is longer
than many a text. Vectors are asked for as base64, half the bytes of floats as text and no rounding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from console.batches.faults import Unusable
from console.batches.sources import Ready, texts_of
from console.wording import size

Kind = Literal["embeddings", "chat", "completions"]

ENDPOINTS: dict[str, Kind] = {
    "/v1/embeddings": "embeddings",
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
}
INPUTS_PER_LINE = 32
# A line that fails is mended text by text; the longer it is, the more is computed again.
_TEXT_PER_LINE = 128 * 1024

_ROWS = re.compile(r"row-(\d+)|rows-(\d+)-(\d+)")


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line. Without a model FILE has requests that are ready."""

    file: str
    kind: Kind
    model: str = ""
    column: str | None = None
    has_header: bool = True
    system: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    window: str = "24h"
    metadata: dict[str, str] = {}
    inputs_per_line: int = INPUTS_PER_LINE

    def asks_the_same(self, other: Ask) -> bool:
        """Whether they differ in nothing but what FILE was called, and how it was cut."""
        return (
            msgspec.structs.replace(other, file=self.file, inputs_per_line=self.inputs_per_line)
            == self
        )

    @property
    def is_ready(self) -> bool:
        """Whether FILE has requests instead of texts."""
        return not self.model

    @property
    def endpoint(self) -> str:
        """Where its requests go."""
        return next(url for url, kind in ENDPOINTS.items() if kind == self.kind)


class Request(NamedTuple):
    """A line of a batch, for so many rows of FILE; ``raw`` is empty for a row without a text.

    ``inputs`` are those that the server counts: texts to embed, 1 for everything else. ``line`` is
    where it stands in FILE, 0 where that says nothing.
    """

    rows: int
    inputs: int
    raw: bytes
    line: int = 0


def requests_of(ask: Ask) -> Iterator[Request]:
    """The requests for all of FILE, in order; ``Unusable``."""
    if ask.is_ready:
        yield from _ready_requests(ask)
        return
    texts = texts_of(Path(ask.file), ask.column, has_header=ask.has_header)
    if ask.kind == "embeddings":
        yield from _embedding_requests(texts, ask)
        return
    for row, text in enumerate(texts):
        yield Request(1, 1, _encoded(row_id(row, 1), ask, _prompt(text, ask)) if text else b"")


def row_id(row: int, count: int) -> str:
    """The custom_id of a request for ``count`` rows from ``row`` on."""
    return f"row-{row}" if count == 1 else f"rows-{row}-{row + count - 1}"


def rows_of_id(custom_id: str) -> tuple[int, int] | None:
    """The first row, and how many; None for an id of somebody else."""
    if not (found := _ROWS.fullmatch(custom_id)):
        return None
    if found[1] is not None:
        return int(found[1]), 1
    first, last = int(found[2]), int(found[3])
    return first, last - first + 1


class _Embedded(msgspec.Struct, frozen=True):
    input: str | list[Any] = ""


def inputs_in(body: bytes) -> int:
    """How many inputs a ready embeddings request has; one where it has none, or nonsense."""
    try:
        asked = msgspec.json.decode(body, type=_Embedded).input
    except msgspec.DecodeError:
        return 1
    if isinstance(asked, str) or not asked or isinstance(asked[0], int):
        return 1
    return len(asked)


def embedding_line(custom_id: str, model: str, texts: list[str]) -> bytes:
    """The request for the vectors of these texts."""
    body = {"model": model, "input": texts, "encoding_format": "base64"}
    return _line(custom_id, "/v1/embeddings", body)


def _embedding_requests(texts: Iterable[str], ask: Ask) -> Iterator[Request]:
    """Stretches of rows that all have a text: a row without one ends a stretch."""
    first, stretch, length = 0, list[str](), 0
    for row, text in enumerate(texts):
        is_full = len(stretch) == ask.inputs_per_line or length + len(text) > _TEXT_PER_LINE
        if stretch and (is_full or not text):
            yield _stretch(first, stretch, ask)
            stretch, length = [], 0
        if not text:
            yield Request(1, 0, b"")
            continue
        first = first if stretch else row
        stretch.append(text)
        length += len(text)
    if stretch:
        yield _stretch(first, stretch, ask)


def _stretch(first: int, texts: list[str], ask: Ask) -> Request:
    count = len(texts)
    return Request(count, count, embedding_line(row_id(first, count), ask.model, texts))


def _prompt(text: str, ask: Ask) -> dict[str, Any]:
    if ask.kind == "completions":
        return {"prompt": text}
    system = [{"role": "system", "content": ask.system}] if ask.system else []
    return {"messages": [*system, {"role": "user", "content": text}]}


def _encoded(custom_id: str, ask: Ask, asked: dict[str, Any]) -> bytes:
    given = {"max_tokens": ask.max_tokens, "temperature": ask.temperature}
    chosen = {name: value for name, value in given.items() if value is not None}
    return _line(custom_id, ask.endpoint, {"model": ask.model, **asked, **chosen})


def _line(custom_id: str, url: str, body: dict[str, Any]) -> bytes:
    request = {"custom_id": custom_id, "method": "POST", "url": url, "body": body}
    return msgspec.json.encode(request) + b"\n"


def _ready_requests(ask: Ask) -> Iterator[Request]:
    for number, raw, request in Ready(Path(ask.file)):
        if request.url != ask.endpoint:
            raise Unusable(
                f"{ask.file}, line {number} asks {request.url}, and the first line"
                f" {ask.endpoint}: a batch has one endpoint."
            )
        inputs = inputs_in(bytes(request.body)) if ask.kind == "embeddings" else 1
        yield Request(1, inputs, raw, number)


def kind_of_ready(path: Path) -> Kind:
    """What the first request of a batch file asks for; ``Unusable``."""
    _, _, request = next(iter(Ready(path)))
    if (kind := ENDPOINTS.get(request.url)) is None:
        raise Unusable(f"{path} asks {request.url}; batches are of {', '.join(ENDPOINTS)}.")
    return kind


def check_length(request: Request, row: int, limit_bytes: int, file: str) -> None:
    """``Unusable`` for a request that no server takes: it would fail the whole batch."""
    if len(request.raw) > limit_bytes:
        where = f"line {request.line}" if request.line else f"row {row}"
        raise Unusable(
            f"{file}, {where}: its request has {size(len(request.raw))}, and a request has at most"
            f" {size(limit_bytes)}."
        )
