"""Completions in JSON: chunks and whole answers."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from openai.types import Completion

from app.openai.completion_render import CompletionAnswer, CompletionStream
from app.openai.completion_shapes import Choice
from app.openai.completion_shapes import Completion as Chunk
from tasks.errors import ContextLengthExceeded, ModelFailed
from tasks.events import (
    Done,
    Event,
    Failed,
    Finished,
    Started,
    Timings,
    Token,
    TokenLogprob,
    Usage,
    Vectors,
)
from tasks.jobs import CompletionJob

WAVE = "🌊".encode()
ECHOED = (TokenLogprob(b"a", None), TokenLogprob("é".encode(), -1.5, ((b"x", -0.25),)))
DRAWN = (
    TokenLogprob(WAVE[:2], -0.5, ((WAVE[:2], -0.5), (b" b", -math.inf))),
    TokenLogprob(WAVE[2:], 1e-9, ((WAVE[2:], 1e-9),)),
)
LOG: list[Event] = [
    Started(3),
    Token(1, (), "aé", ECHOED),
    Token(1, (5, 6), "🌊", DRAWN),
    Token(0, (7,), "b"),
    Finished(1, "length", 2),
    Finished(0, "stop", 1),
    Done(Usage(3, 3, 1), Timings(1, 2, 4.0, 3, 6.0)),
]


def job(**fields: Any) -> CompletionJob:
    base: dict[str, Any] = {"id": "j1", "model": "talk", "created_at": 12.9, "n": 2}
    return CompletionJob(**({"texts": ("aé",)} | base | fields))


def chunks(stream: CompletionStream, log: list[Event]) -> list[dict[str, Any]]:
    return [json.loads(data) for event in log if (data := stream.chunk(event)) is not None]


def answer(asked: CompletionJob, log: list[Event], timings: bool = False) -> dict[str, Any]:
    whole = CompletionAnswer(asked, timings)
    for event in log:
        whole.add(event)
    body: dict[str, Any] = json.loads(whole.body())
    return body


@pytest.mark.parametrize("include_usage", [False, True])
@pytest.mark.parametrize("top_logprobs", [None, 2])
def test_every_chunk_is_one_that_the_official_client_reads(
    include_usage: bool, top_logprobs: int | None
) -> None:
    """Each chunk has the shape of a whole answer and carries the response's one id."""
    for shown in chunks(CompletionStream(job(top_logprobs=top_logprobs), include_usage), LOG):
        chunk = Completion.model_construct(**shown)
        assert (chunk.id, chunk.object) == ("cmpl-j1", "text_completion")
        assert (chunk.created, chunk.model) == (12, "talk")
        for choice in shown["choices"]:
            assert set(choice) == {"index", "text", "logprobs", "finish_reason"}


@pytest.mark.parametrize("top_logprobs", [None, 2])
def test_a_whole_answer_is_one_that_the_official_client_reads(top_logprobs: int | None) -> None:
    """The texts of all choices in index order; its types know no null of an echoed prompt."""
    drawn = [event for event in LOG if event is not LOG[1]]
    completion = Completion.model_validate(answer(job(top_logprobs=top_logprobs), drawn))
    assert [choice.text for choice in completion.choices] == ["b", "🌊"]
    assert [choice.finish_reason for choice in completion.choices] == ["stop", "length"]
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.total_tokens) == (3, 6)


def test_an_echoed_prompt_comes_first() -> None:
    """Its text is part of the choice's, streamed and whole."""
    assert answer(job(), LOG)["choices"][1]["text"] == "aé🌊"
    shown = chunks(CompletionStream(job(), False), LOG[1:3])
    assert [chunk["choices"][0]["text"] for chunk in shown] == ["aé", "🌊"]


def test_a_stream_begins_with_every_choice_and_no_text() -> None:
    """``Started`` is a chunk too, so that the events' ids are those of the log."""
    (first,) = chunks(CompletionStream(job(texts=("a", "b")), False), LOG[:1])
    assert [choice["index"] for choice in first["choices"]] == [0, 1, 2, 3]
    assert {choice["text"] for choice in first["choices"]} == {""}


@pytest.mark.parametrize("text", ["b", "", 'a"b\\c', "\x00\n\x7f", "水🌊", '"text":""'])
@pytest.mark.parametrize("include_usage", [False, True])
def test_a_text_is_written_as_the_whole_chunk_would_be(text: str, include_usage: bool) -> None:
    """The frame around the text gives the same bytes as encoding the chunk as a whole."""
    stream = CompletionStream(job(), include_usage)
    usage = {"usage": None} if include_usage else {}
    whole = Chunk("cmpl-j1", 12, "talk", (Choice(1, text),), **usage)  # type: ignore[arg-type]
    assert stream.chunk(Token(1, (5,), text)) == msgspec.json.encode(whole)


def test_a_finish_has_no_text() -> None:
    """The finish chunk holds the reason alone."""
    (chunk,) = chunks(CompletionStream(job(), False), [Finished(1, "length", 2)])
    assert chunk["choices"] == [
        {"index": 1, "text": "", "logprobs": None, "finish_reason": "length"}
    ]


def test_logprobs_have_openais_old_form() -> None:
    """Four lists; nothing comes before an echoed prompt's first token, so it has no value."""
    shown = answer(job(top_logprobs=2), LOG)["choices"][1]["logprobs"]
    assert shown == {
        "tokens": ["a", "é", "bytes:\\xf0\\x9f", "bytes:\\x8c\\x8a"],
        "token_logprobs": [None, -1.5, -0.5, 0.0],
        "top_logprobs": [
            None,
            {"é": -1.5, "x": -0.25},
            {"bytes:\\xf0\\x9f": -0.5, " b": -9999.0},
            {"bytes:\\x8c\\x8a": 0.0},
        ],
        "text_offset": [0, 1, 2, 2],
    }


def test_a_streams_offsets_go_on_from_chunk_to_chunk() -> None:
    """An offset counts the choice's characters, not the chunk's."""
    stream = CompletionStream(job(top_logprobs=0), False)
    told = [chunk["choices"][0]["logprobs"] for chunk in chunks(stream, LOG[1:3])]
    assert [one["text_offset"] for one in told] == [[0, 1], [2, 2]]


def test_logprobs_that_were_not_asked_for_are_not_shown() -> None:
    """A log may hold more than this request wanted."""
    assert answer(job(), LOG)["choices"][1]["logprobs"] is None
    (chunk,) = chunks(CompletionStream(job(), False), LOG[2:3])
    assert chunk["choices"][0]["logprobs"] is None


def test_usage_and_timings_come_in_a_last_chunk_when_asked_for() -> None:
    """Either makes a chunk of ``Done``, with no choices; neither, none."""
    (usage,) = chunks(CompletionStream(job(), True), LOG[-1:])
    (timings,) = chunks(CompletionStream(job(), False, True), LOG[-1:])
    assert usage["choices"] == timings["choices"] == []
    assert usage["usage"]["total_tokens"] == 6
    assert "timings" not in usage
    assert timings["timings"]["predicted_per_second"] == 500
    assert "usage" not in timings
    assert CompletionStream(job(), False).chunk(LOG[-1]) is None
    assert answer(job(), LOG, timings=True)["timings"] == timings["timings"]
    assert "timings" not in answer(job(), LOG)


def test_a_failure_is_an_error_event_or_raised() -> None:
    """A stream ends with the error object; a whole answer becomes a status."""
    failed = Failed.of(ContextLengthExceeded("Too long.", param="prompt"))
    (shown,) = chunks(CompletionStream(job(), False), [failed])
    assert (shown["error"]["code"], shown["error"]["param"]) == (
        "context_length_exceeded",
        "prompt",
    )
    with pytest.raises(ModelFailed):
        CompletionAnswer(job()).add(Failed.of(ModelFailed("It broke.")))


def test_what_a_log_cannot_hold_is_a_programmers_error() -> None:
    """Vectors in a completion, and an answer without its end, are never papered over."""
    with pytest.raises(TypeError):
        CompletionStream(job(), False).chunk(Vectors(0, 1, b"1234"))
    with pytest.raises(RuntimeError, match="not complete"):
        CompletionAnswer(job()).body()
