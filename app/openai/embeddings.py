"""An embeddings request to an ``EmbedJob``, and its vectors to OpenAI's JSON."""

from __future__ import annotations

import struct
from typing import Annotated

import msgspec
from msgspec import Meta

from app.openai.body import decode
from app.openai.errors import BadRequest
from app.openai.fields import Count, Metadata, ModelName, TokenId
from app.openai.models import embed_model
from tasks.catalog import Catalog, Model
from tasks.events import Done, Event, Failed, Usage, Vectors
from tasks.jobs import EmbedJob

MAX_INPUTS = 2_048

Tokens = Annotated[list[TokenId], Meta(min_length=1)]
Text = Annotated[str, Meta(min_length=1)]
Inputs = Annotated[list[Text | TokenId | Tokens], Meta(min_length=1)]
Texts = tuple[str, ...]
TokenLists = tuple[tuple[int, ...], ...]


class EmbeddingsBody(msgspec.Struct):
    """The parameters of ``POST /v1/embeddings``. One list of token ids is one input."""

    model: ModelName
    input: Text | Inputs
    encoding_format: str | None = None
    dimensions: Count | None = None
    user: str | None = None
    metadata: Metadata | None = None


class EmbeddingsRequest(msgspec.Struct, frozen=True):
    """A job, and how its vectors are to be written."""

    job: EmbedJob
    base64: bool


def parse_embeddings(
    body: bytes, *, catalog: Catalog, job_id: str, owner: str, created_at: float
) -> EmbeddingsRequest:
    """The job that ``body`` asks for; ``BadRequest`` or ``UnknownModel`` if it is none."""
    asked = decode(body, EmbeddingsBody)
    model = embed_model(catalog, asked.model)
    if asked.encoding_format not in (None, "float", "base64"):
        raise BadRequest("'encoding_format' must be float or base64.", param="encoding_format")
    texts, tokens = _inputs(asked.input)
    _check_sizes(asked.input, texts, tokens, model)
    job = EmbedJob(
        id=job_id,
        model=model.name,
        texts=texts,
        tokens=tokens,
        owner=owner,
        created_at=created_at,
        dimensions=asked.dimensions,
        metadata=asked.metadata or {},
    )
    return EmbeddingsRequest(job, asked.encoding_format == "base64")


def _inputs(asked: str | list[str | int | list[int]]) -> tuple[Texts, TokenLists]:
    """The inputs as texts or as token ids, whichever they are; mixed ones are refused."""
    if isinstance(asked, str):
        return (asked,), ()
    kind = type(asked[0])
    for i, item in enumerate(asked):
        if type(item) is not kind:
            raise BadRequest(
                "'input' must be all strings, all token ids, or all lists of token ids: "
                f"'input[{i}]' is of another type than 'input[0]'.",
                param=f"input[{i}]",
                code="invalid_type",
            )
    texts = tuple(item for item in asked if isinstance(item, str))
    lists = tuple(tuple(item) for item in asked if isinstance(item, list))
    ids = tuple(item for item in asked if isinstance(item, int))
    return texts, ((ids,) if ids else lists)


def _check_sizes(asked: object, texts: Texts, tokens: TokenLists, model: Model) -> None:
    """Refuse what is certainly too much; how many tokens a text has, the worker tells."""
    if len(texts) + len(tokens) > MAX_INPUTS:
        raise BadRequest(
            f"'input' must have at most {MAX_INPUTS} inputs, not {len(texts) + len(tokens)}: "
            "send the others in another request.",
            param="input",
        )
    flat = isinstance(asked, list) and isinstance(asked[0], int)
    for i, ids in enumerate(tokens):
        if len(ids) > model.context:
            param = "input" if flat else f"input[{i}]"
            raise BadRequest(
                f"'{param}' has {len(ids)} tokens; the model {model.name!r} takes at most "
                f"{model.context}.",
                param=param,
                code="context_length_exceeded",
            )


class _Embedding(msgspec.Struct, frozen=True, tag_field="object", tag="embedding"):
    index: int
    # msgspec writes bytes as base64, which is what OpenAI's clients decode.
    embedding: bytes | tuple[float, ...]


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    total_tokens: int


class _Response(msgspec.Struct, frozen=True, tag_field="object", tag="list"):
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
        return msgspec.json.encode(_Response(data, self._model, _Usage(tokens, tokens)))


def _split(event: Vectors) -> list[bytes]:
    size = 4 * event.dimensions
    return [event.data[at : at + size] for at in range(0, len(event.data), size)]
