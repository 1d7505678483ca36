from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse

from app.openai.embeddings import EmbeddingsAnswer, EmbeddingsRequest
from app.openai.errors import BadRequest
from tasks.errors import ModelFailed, UnknownModel
from tasks.events import Done, Failed, Started, Usage, Vectors
from tasks.jobs import EmbedJob, Shown, decode, encode

Parse = Callable[..., EmbeddingsRequest]


def refused(parse: Parse, **fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        parse(**fields)
    return caught.value


def answer(rows: list[list[float]], as_base64: bool) -> dict[str, Any]:
    """The answer to ``rows``, logged in two parts that arrive in the wrong order."""
    job = EmbedJob(id="j1", model="vec", texts=("x",) * len(rows))
    whole = EmbeddingsAnswer(job, as_base64)
    packed = [struct.pack(f"<{len(row)}f", *row) for row in rows]
    whole.add(Started(5))
    whole.add(Vectors(1, len(rows[0]), b"".join(packed[1:])))
    whole.add(Vectors(0, len(rows[0]), packed[0]))
    whole.add(Done(Usage(5)))
    body: dict[str, Any] = json.loads(whole.body())
    return body


ROWS = [[1.0, 0.5, -0.25], [0.0, 0.1, 2.0], [3.0, 4.0, 5.0]]


@pytest.mark.parametrize(
    ("sent", "texts", "tokens"),
    [
        ("a", ("a",), ()),
        (["a", "b\x00"], ("a", "b\x00"), ()),
        ([1, 0, 2**31 - 1], (), ((1, 0, 2**31 - 1),)),
        ([[1], [2, 3]], (), ((1,), (2, 3))),
    ],
)
def test_all_four_forms_of_input_arrive(
    embed: Parse, sent: Any, texts: tuple[str, ...], tokens: tuple[tuple[int, ...], ...]
) -> None:
    """Text or ids, one or many: exactly one of the job's two fields is filled, in order."""
    job = embed(input=sent).job
    assert (job.texts, job.tokens) == (texts, tokens)
    assert decode(encode(job)) == job


def test_every_parameter_arrives_in_the_job(embed: Parse) -> None:
    """Dimensions, metadata, deadline and encoding are the job's; the alias is resolved."""
    request = embed(
        model="ada",
        dimensions=2,
        metadata={"k": "v"},
        encoding_format="base64",
        user="ann",
        timeout_s=2.5,
        background=True,
        webhook_url="https://example.com/hook",
    )
    assert request == EmbeddingsRequest(
        job=EmbedJob(
            id="j1",
            model="vec",
            texts=("hello",),
            owner="ann",
            created_at=12.5,
            dimensions=2,
            metadata={"k": "v"},
            deadline_at=15.0,
            shown=Shown(base64=True),
        ),
        background=True,
        webhook_url="https://example.com/hook",
    )


def test_floats_are_the_default(embed: Parse) -> None:
    """Absent, null and ``float`` all ask for numbers."""
    asked = [embed(), embed(encoding_format=None), embed(encoding_format="float")]
    assert [request.job.shown.base64 for request in asked] == [False] * 3


@pytest.mark.parametrize(
    ("field", "bad", "param"),
    [
        ("input", "", "input"),
        ("input", [], "input"),
        ("input", None, "input"),
        ("input", {}, "input"),
        ("input", 5, "input"),
        ("input", ["a", "b", "c", ""], "input[3]"),
        ("input", [[1], []], "input[1]"),
        ("input", ["a", 1], "input[1]"),
        ("input", [1, 2, "a"], "input[2]"),
        ("input", [1, [2]], "input[1]"),
        ("input", ["a", None], "input[1]"),
        ("input", [1, -1], "input[1]"),
        ("input", [1, 2**31], "input[1]"),
        ("input", [1, True], "input[1]"),
        ("input", [[1, 1.5]], "input[0][1]"),
        ("input", [[[1]]], "input[0][0]"),
        ("input", ["a"] * 2049, "input"),
        ("input", [[1]] * 2049, "input"),
        ("dimensions", 0, "dimensions"),
        ("dimensions", "8", "dimensions"),
        ("encoding_format", "hex", "encoding_format"),
        ("encoding_format", 64, "encoding_format"),
        ("metadata", {"k": None}, "metadata"),
        ("timeout_s", 0, "timeout_s"),
        ("background", "true", "background"),
        ("webhook_url", 5, "webhook_url"),
        ("model", "talk", "model"),
    ],
)
def test_a_wrong_value_names_its_field(embed: Parse, field: str, bad: Any, param: str) -> None:
    """The refusal leads to the one input among many that is wrong."""
    assert refused(embed, **{field: bad}).param == param


def test_as_many_inputs_as_openai_takes(embed: Parse) -> None:
    """2,048 inputs are one request; the refusal of one more tells both numbers."""
    assert len(embed(input=["a"] * 2048).job.texts) == 2048
    assert "at most 2048 inputs, not 2049" in refused(embed, input=["a"] * 2049).message


@pytest.mark.parametrize(
    ("sent", "param"),
    [([1] * 33, "input"), ([[1], [1] * 33], "input[1]"), ([[1] * 33], "input[0]")],
)
def test_more_ids_than_the_context_holds_are_refused(embed: Parse, sent: Any, param: str) -> None:
    """The length of an input of token ids is known, so the worker need not be asked."""
    error = refused(embed, input=sent)
    assert (error.param, error.code) == (param, "context_length_exceeded")
    assert "33 tokens" in error.message
    assert "at most 32" in error.message


def test_an_unknown_model_passes_through_as_such(embed: Parse) -> None:
    """The catalog's error is the 404's cause, not a bad request."""
    with pytest.raises(UnknownModel):
        embed(model="gpt-9")


def test_vectors_come_out_in_the_inputs_order() -> None:
    """Parts that were logged in another order are put back; float32 is kept exactly."""
    shown = answer(ROWS, as_base64=False)
    response = CreateEmbeddingResponse.model_validate(shown)
    assert [item.index for item in response.data] == [0, 1, 2]
    exact = [list(struct.unpack("<3f", struct.pack("<3f", *row))) for row in ROWS]
    assert [item.embedding for item in response.data] == exact
    assert (response.object, response.data[0].object) == ("list", "embedding")
    assert (response.model, shown["usage"]) == ("vec", {"prompt_tokens": 5, "total_tokens": 5})


def test_base64_is_little_endian_float32() -> None:
    """The official client's default encoding decodes to the same vectors."""
    for item, row in zip(answer(ROWS, as_base64=True)["data"], ROWS, strict=True):
        assert base64.b64decode(item["embedding"]) == struct.pack("<3f", *row)


def test_a_failed_job_raises_its_own_error() -> None:
    """A failure becomes a status: nothing of the answer was sent yet."""
    with pytest.raises(ModelFailed):
        EmbeddingsAnswer(EmbedJob(id="j1", model="vec"), False).add(Failed.of(ModelFailed("no")))


def test_an_answer_without_all_its_vectors_has_no_body() -> None:
    """A missing part is never papered over."""
    whole = EmbeddingsAnswer(EmbedJob(id="j1", model="vec", texts=("a", "b")), False)
    whole.add(Vectors(1, 1, b"1234"))
    whole.add(Done(Usage(2)))
    with pytest.raises(RuntimeError, match="1 of 2 vectors"):
        whole.body()
