"""The lines of output and error files."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np
import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion

from app.batches.record import LineError
from app.batches.rendering import answered, failed, never_run, refused, rows_of, vectors_line
from app.openai.embeddings import EmbeddingsAnswer
from tasks.errors import ContextLengthExceeded, DeadLetter, TaskError
from tasks.events import Done, Event, Failed, Finished, Started, Token, Usage, Vectors
from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Message, Shown

CHAT = ChatJob(id="j1", model="echo", messages=(Message("user", "x"),), created_at=5.0)
EMBED = EmbedJob(id="j1", model="e", texts=("x", "y"))
ROWS = np.random.default_rng(1).standard_normal((2, 384)).astype(np.float32)
HELLO: tuple[Event, ...] = (
    Started(2),
    Token(0, (1,), "hel"),
    Token(0, (2,), "lo"),
    Finished(0, "stop", 2),
    Done(Usage(2, 2, 1)),
)


def read(line: bytes) -> dict[str, Any]:
    """One line, which ends where it should and nowhere else."""
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    read: dict[str, Any] = json.loads(line)
    assert list(read) == ["id", "custom_id", "response", "error"]
    assert read["id"].startswith("batch_req_")
    return read


def test_an_answered_chat_holds_what_its_endpoint_would_have_said() -> None:
    """Under its custom id, with the job's id as that of the request."""
    made = answered('my "id"\n', CHAT, "j1", HELLO)
    line = read(made.line)
    assert (line["custom_id"], line["error"]) == ('my "id"\n', None)
    assert (line["response"]["status_code"], line["response"]["request_id"]) == (200, "j1")
    answer = ChatCompletion.model_validate(line["response"]["body"], strict=True)
    assert (answer.id, answer.choices[0].message.content) == ("chatcmpl-j1", "hello")
    assert (made.ok, made.usage) == (True, Usage(2, 2, 1))


def test_an_answered_completion_holds_its_text() -> None:
    """As ``/v1/completions`` answers."""
    job = CompletionJob(id="j1", model="echo", texts=("x",))
    body = read(answered("a", job, "j1", HELLO).line)["response"]["body"]
    assert (body["object"], body["choices"][0]["text"]) == ("text_completion", "hello")


@pytest.mark.parametrize("base64", [False, True])
def test_a_line_of_vectors_is_what_the_endpoint_answers(base64: bool) -> None:
    """Field by field; a number read back as float32 is the very one that was computed."""
    job = EmbedJob(id="j1", model="e", texts=("x", "y"), shown=Shown(base64=base64))
    asked_alone = EmbeddingsAnswer(job, base64)
    asked_alone.add(Vectors(0, 384, ROWS.tobytes()))
    asked_alone.add(Done(Usage(9)))
    expected = json.loads(asked_alone.body())
    body = read(vectors_line("a", job, "j1", ROWS, 9))["response"]["body"]
    for row, told, wanted in zip(ROWS, body["data"], expected["data"], strict=True):
        assert isinstance(told["embedding"], str) is base64
        assert (floats(told.pop("embedding")) == row).all()
        assert (floats(wanted.pop("embedding")) == row).all()
    assert body == expected


def test_the_official_client_knows_a_line_of_vectors() -> None:
    """Its type of an answer takes the body."""
    body = read(vectors_line("a", EMBED, "j1", ROWS, 9))["response"]["body"]
    answer = CreateEmbeddingResponse.model_validate(body)
    assert (len(answer.data), answer.model, answer.usage.total_tokens) == (2, "e", 9)


def floats(embedding: Any) -> Any:
    """Numbers or base64 as float32."""
    if isinstance(embedding, str):
        raw = base64.b64decode(embedding)
        return np.array(struct.unpack(f"<{len(raw) // 4}f", raw), np.float32)
    return np.array(embedding, np.float32)


def test_a_number_is_written_as_the_float32_that_it_is() -> None:
    """0.1 as a float32 is 0.10000000149 as a double."""
    row = np.array([[0.1, -1.5e-8]], np.float32)
    assert b'"embedding":[0.1,-1.5e-8]' in vectors_line("a", EMBED, "j1", row, 1)


def test_rows_of_a_wider_array_are_lines_too() -> None:
    """A packed job's rows are sliced out of one array, whatever lies beside them."""
    wide = np.hstack([ROWS, ROWS])[:, 384:]
    body = read(vectors_line("a", EMBED, "j1", wide, 9))["response"]["body"]
    assert (floats(body["data"][1]["embedding"]) == ROWS[1]).all()


def test_a_job_of_one_line_answers_with_its_vectors() -> None:
    """In the inputs' order, in whichever order they were computed."""
    parts = [Vectors(1, 384, ROWS[1:].tobytes()), Vectors(0, 384, ROWS[:1].tobytes())]
    made = answered("a", EMBED, "j1", [*parts, Done(Usage(9))])
    assert (made.ok, made.usage) == (True, Usage(9))
    data = read(made.line)["response"]["body"]["data"]
    assert (floats(data[0]["embedding"]) == ROWS[0]).all()
    assert (rows_of(parts) == ROWS).all()


@pytest.mark.parametrize(
    ("error", "status"),
    [(ContextLengthExceeded("Too long.", param="messages"), 400), (DeadLetter("It died."), 500)],
)
def test_a_job_that_failed_is_an_error_as_its_endpoint_tells_it(
    error: TaskError, status: int
) -> None:
    """With the status and the error object; it counts no tokens."""
    made = answered("a", CHAT, "j1", [Started(2), Failed.of(error)])
    line = read(made.line)
    assert (made.ok, made.usage, line["error"]) == (False, Usage(0), None)
    assert line["response"]["status_code"] == status
    told = line["response"]["body"]["error"]
    assert (told["code"], told["message"], told["param"]) == (
        error.code,
        error.message,
        error.param,
    )
    assert read(failed("a", "j1", error)) | {"id": 0} == line | {"id": 0}


def test_a_log_without_an_end_is_no_answer() -> None:
    """It would be a line with half of a text."""
    with pytest.raises(RuntimeError):
        answered("a", CHAT, "j1", HELLO[:-1])


@pytest.mark.parametrize(("code", "status"), [("model_not_found", 404), ("invalid_value", 400)])
def test_a_line_that_cannot_be_tried_any_more_is_refused_as_by_its_endpoint(
    code: str, status: int
) -> None:
    """The field's name is the one in the body."""
    line = read(refused("a", "j1", LineError(code, "Gone.", 3, "body.model")))
    assert line["response"]["status_code"] == status
    told = line["response"]["body"]["error"]
    assert (told["code"], told["param"], told["message"]) == (code, "model", "Gone.")


@pytest.mark.parametrize("code", ["batch_expired", "batch_cancelled"])
def test_a_request_that_was_never_run_has_an_error_and_no_response(code: Any) -> None:
    """As OpenAI writes it."""
    line = read(never_run("a", code))
    assert (line["custom_id"], line["response"], line["error"]["code"]) == ("a", None, code)


def test_every_line_has_an_id_of_its_own() -> None:
    """Lines of one job, and lines that were never run."""
    lines = [vectors_line("a", EMBED, "j1", ROWS, 9), vectors_line("b", EMBED, "j1", ROWS, 9)]
    lines += [never_run("a", "batch_expired"), never_run("b", "batch_expired")]
    assert len({read(line)["id"] for line in lines}) == 4
