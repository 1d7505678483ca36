"""What is kept of a job that is relayed."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from app.cache.entries import read_answer, read_vector
from app.cache.recorder import AnswerRecorder, VectorRecorder
from app.rendering import answer_of
from tasks.errors import ModelFailed
from tasks.events import (
    CallDelta,
    Done,
    Event,
    Failed,
    Finished,
    Started,
    Token,
    TokenLogprob,
    Usage,
    Vectors,
)
from tasks.jobs import ChatJob, Message

HELLO: list[Event] = [
    Started(2),
    Token(0, (1,), "hel", (TokenLogprob(b"hel", -1.0),)),
    Token(1, (3,), "", (), (CallDelta(0, "look", '{"a"'),)),
    Token(0, (2,), "lo", (TokenLogprob(b"lo", -2.0),)),
    Token(1, (4,), "", (), (CallDelta(0, None, ":1}"), CallDelta(1, "see", "{}"))),
    Finished(0, "stop", 2),
    Finished(1, "tool_calls", 2),
    Done(Usage(2, 4, 1), None, "first"),
]


def recorded(heard: list[Event], *, most_bytes: int = 10_000) -> dict[str, bytes]:
    """What is kept of an answer."""
    kept: dict[str, bytes] = {}
    recorder = AnswerRecorder(
        "name", "first", most_bytes=most_bytes, now_s=lambda: 5.0, keep=kept.update
    )
    for event in heard:
        recorder.add(event)
    return kept


def rendered(events: Any) -> bytes:
    """The events as a client gets them."""
    job = ChatJob(id="j", model="m", messages=(Message("user", "a"),), n=2, top_logprobs=0)
    answer = answer_of(job)
    for event in events:
        answer.add(event)
    return answer.body()


def test_an_answer_is_kept_with_one_token_per_choice() -> None:
    """It renders as the original: texts, log probabilities, calls, endings and usage."""
    answer = read_answer(recorded(HELLO)["name"])
    assert answer is not None
    assert answer.created_at_s == 5.0
    assert [type(event) for event in answer.events] == [
        *(Started, Token, Token, Finished, Finished, Done)
    ]
    assert rendered(answer.events) == rendered(HELLO)


@pytest.mark.parametrize(
    "heard",
    [
        HELLO[:-1],
        [*HELLO[:-1], Failed.of(ModelFailed("It broke."))],
        [*HELLO[:-1], Done(Usage(2, 2), None, "second")],
        [*HELLO[:-1], Done(Usage(2, 2))],
        [*HELLO[:5], Finished(0, "stop", 2), Finished(1, "odd", 2), HELLO[-1]],
    ],
    ids=["no end", "failed", "another identity", "no identity", "an odd ending"],
)
def test_what_did_not_end_well_is_not_kept(heard: list[Event]) -> None:
    """Nor what something else computed than was looked for."""
    assert recorded(heard) == {}


def test_an_answer_that_is_too_large_is_not_kept() -> None:
    """The limit is that of the value, not of its text alone."""
    [value] = recorded(HELLO).values()
    assert recorded(HELLO, most_bytes=len(value)) != {}
    assert recorded(HELLO, most_bytes=len(value) - 1) == {}
    assert recorded(HELLO, most_bytes=5) == {}


def vectors_kept(*heard: Event) -> dict[str, bytes]:
    """What is kept of vectors for the inputs a, b and c."""
    kept: dict[str, bytes] = {}
    recorder = VectorRecorder(["a", "b", "c"], "first", now_s=lambda: 5.0, keep=kept.update)
    for event in heard:
        recorder.add(event)
    return kept


ROWS = Vectors(1, 2, struct.pack("<4f", 1, 2, 3, 4), (6, 7))


def test_a_vector_is_kept_under_its_input() -> None:
    """With its tokens; an event may begin anywhere."""
    kept = vectors_kept(ROWS, Done(Usage(13), None, "first"))
    assert set(kept) == {"b", "c"}
    vector = read_vector(kept["c"])
    assert vector is not None
    assert (vector.tokens, vector.data) == (7, struct.pack("<2f", 3, 4))


@pytest.mark.parametrize(
    "heard",
    [
        [ROWS],
        [ROWS, Failed.of(ModelFailed("It broke."))],
        [ROWS, Done(Usage(13), None, "second")],
        [Vectors(0, 2, struct.pack("<2f", 1, 2)), Done(Usage(6), None, "first")],
    ],
    ids=["no end", "failed", "another identity", "no tokens"],
)
def test_vectors_are_kept_of_a_complete_job_alone(heard: list[Event]) -> None:
    """One that ended, by whom it was looked for, and that says how many tokens they have."""
    assert vectors_kept(*heard) == {}
