"""Which answer and which chunks a job has."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from app.rendering import answer_of, chunks_of
from tasks.errors import ContextLengthExceeded
from tasks.events import Done, Event, Failed, Finished, Started, Timings, Token, Usage, Vectors
from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Job, Message, Shown

TIMINGS = Timings(0, 4, 2.0, 2, 10.0)
TEXT: list[Event] = [
    Started(4),
    Token(0, (1,), "one"),
    Finished(0, "stop", 1),
    Done(Usage(4, 1), TIMINGS),
]
VECTORS: list[Event] = [
    Started(3),
    Vectors(1, 2, struct.pack("<2f", 0.0, 1.0)),
    Vectors(0, 2, struct.pack("<2f", 1.0, 0.0)),
    Done(Usage(3)),
]


def chat(shown: Shown) -> ChatJob:
    return ChatJob(id="j", model="m", messages=(Message("user", "one"),), shown=shown)


def complete(shown: Shown) -> CompletionJob:
    return CompletionJob(id="j", model="m", texts=("one",), shown=shown)


def embed(shown: Shown) -> EmbedJob:
    return EmbedJob(id="j", model="m", texts=("one", "two"), shown=shown)


def answered(job: Job, log: list[Event]) -> Any:
    answer = answer_of(job)
    for event in log:
        answer.add(event)
    return json.loads(answer.body())


def streamed(job: Job, log: list[Event]) -> list[Any]:
    chunks = chunks_of(job)
    return [data and json.loads(data) for data in map(chunks.chunk, log)]


@pytest.mark.parametrize(
    ("job", "log", "called"),
    [
        (chat(Shown()), TEXT, "chat.completion"),
        (complete(Shown()), TEXT, "text_completion"),
        (embed(Shown()), VECTORS, "list"),
    ],
)
def test_every_kind_has_its_answer(job: Job, log: list[Event], called: str) -> None:
    """In the shape of its endpoint."""
    assert answered(job, log)["object"] == called


@pytest.mark.parametrize(
    ("job", "called"),
    [(chat(Shown()), "chat.completion.chunk"), (complete(Shown()), "text_completion")],
)
def test_every_kind_of_text_has_its_chunks(job: Job, called: str) -> None:
    """One for every event but the last, which shows nothing unless asked to."""
    *chunks, last = streamed(job, TEXT)
    assert [chunk["object"] for chunk in chunks] == [called] * 3
    assert last is None


@pytest.mark.parametrize("kind", [chat, complete])
def test_what_is_shown_is_the_jobs_own_wish(kind: Any) -> None:
    """Usage and timings in a stream, timings in an answer: nothing but the job is asked."""
    shown = Shown(include_usage=True, timings=True)
    assert answered(kind(shown), TEXT)["timings"]["prompt_n"] == 4
    last = streamed(kind(shown), TEXT)[-1]
    assert (last["usage"]["total_tokens"], last["timings"]["predicted_n"]) == (5, 2)
    assert "timings" not in answered(kind(Shown()), TEXT)


def test_vectors_are_written_as_asked() -> None:
    """As base64 for whoever asked for it, else as numbers."""
    assert answered(embed(Shown()), VECTORS)["data"][0]["embedding"] == [1.0, 0.0]
    assert answered(embed(Shown(base64=True)), VECTORS)["data"][0]["embedding"] == "AACAPwAAAAA="


def test_embeddings_that_are_followed_come_at_the_end() -> None:
    """Nothing for each event but the last, which brings the whole answer."""
    job = embed(Shown())
    assert streamed(job, VECTORS) == [None, None, None, answered(job, VECTORS)]


@pytest.mark.parametrize("job", [chat(Shown()), complete(Shown()), embed(Shown())])
def test_a_failure_is_a_chunk_of_every_kind(job: Job) -> None:
    """The error object, in place of what is missing."""
    refusal = ContextLengthExceeded("Too long.", param="input[1]")
    [chunk] = streamed(job, [Failed.of(refusal)])
    assert chunk["error"] == {
        "message": "Too long.",
        "type": "invalid_request_error",
        "param": "input[1]",
        "code": "context_length_exceeded",
    }
