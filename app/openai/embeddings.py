"""An embeddings request to an ``EmbedJob``, and its vectors to OpenAI's JSON."""

from __future__ import annotations

import struct

import msgspec

from app.openai.asked import Asked
from app.openai.body import decode
from app.openai.errors import BadRequest
from app.openai.fields import Count
from app.openai.inputs import Inputs, Text, Texts, TokenLists, check_lengths, split_inputs
from app.openai.models import embed_model
from app.openai.request_fields import RequestBody, deadline_at
from tasks.catalog import Catalog
from tasks.events import Done, Event, Failed, Usage, Vectors
from tasks.jobs import EmbedJob, Shown

MAX_INPUTS = 2_048


class EmbeddingsBody(RequestBody, kw_only=True):
    """The parameters of ``POST /v1/embeddings``. One list of token ids is one input."""

    input: Text | Inputs
    encoding_format: str | None = None
    dimensions: Count | None = None


class EmbeddingsRequest(Asked, frozen=True, kw_only=True):
    """Inputs to be embedded, and how. Vectors are no stream."""

    job: EmbedJob


def parse_embeddings(
    body: bytes, *, catalog: Catalog, job_id: str, owner: str, created_at: float
) -> EmbeddingsRequest:
    """The job that ``body`` asks for; ``BadRequest`` or ``UnknownModel`` if it is none."""
    asked = decode(body, EmbeddingsBody)
    model = embed_model(catalog, asked.model)
    if asked.encoding_format not in (None, "float", "base64"):
        raise BadRequest("'encoding_format' must be float or base64.", param="encoding_format")
    texts, tokens = split_inputs(asked.input, "input")
    _check_count(texts, tokens)
    check_lengths(asked.input, tokens, model, "input")
    job = EmbedJob(
        id=job_id,
        model=model.name,
        texts=texts,
        tokens=tokens,
        owner=owner,
        created_at=created_at,
        dimensions=asked.dimensions,
        metadata=asked.metadata or {},
        deadline_at=deadline_at(asked, created_at),
        shown=Shown(base64=asked.encoding_format == "base64"),
    )
    return EmbeddingsRequest(
        job=job, background=bool(asked.background), webhook_url=asked.webhook_url
    )


def _check_count(texts: Texts, tokens: TokenLists) -> None:
    count = len(texts) + len(tokens)
    if count > MAX_INPUTS:
        raise BadRequest(
            f"'input' must have at most {MAX_INPUTS} inputs, not {count}: "
            "send the others in another request.",
            param="input",
        )


class _Embedding(msgspec.Struct, frozen=True, tag_field="object", tag="embedding"):
    index: int
    # msgspec writes bytes as base64, which is what OpenAI's clients decode.
    embedding: bytes | tuple[float, ...]


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    total_tokens: int


class Embeddings(msgspec.Struct, frozen=True, tag_field="object", tag="list"):
    """The vectors of all inputs, in their order."""

    data: list[_Embedding]
    model: str
    usage: _Usage


class EmbeddingsAnswer:
    """The vectors of one request, put together from the job's events, in the inputs' order."""

    def __init__(self, job: EmbedJob, base64: bool) -> None:
        self._model = job.model
        self._count = len(job.texts) + len(job.tokens)
        self._base64 = base64
        self._rows: dict[int, _Embedding] = {}
        self._usage: Usage | None = None

    def add(self, event: Event) -> None:
        """Take in the next event of the log; raises the error that a ``Failed`` carries."""
        match event:
            case Vectors():
                for index, row in enumerate(_split(event), event.start):
                    floats = row if self._base64 else struct.unpack(f"<{len(row) // 4}f", row)
                    self._rows[index] = _Embedding(index, floats)
            case Done():
                self._usage = event.usage
            case Failed():
                raise event.error()

    def body(self) -> bytes:
        """The list of embeddings; only after ``Done``."""
        if self._usage is None or len(self._rows) != self._count:
            raise RuntimeError(
                f"the answer is not complete: {len(self._rows)} of {self._count} vectors"
            )
        tokens = self._usage.prompt_tokens
        data = [self._rows[index] for index in range(self._count)]
        return msgspec.json.encode(Embeddings(data, self._model, _Usage(tokens, tokens)))


def _split(event: Vectors) -> list[bytes]:
    size = 4 * event.dimensions
    return [event.data[at : at + size] for at in range(0, len(event.data), size)]
