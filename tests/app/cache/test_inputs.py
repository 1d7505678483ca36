"""Embeddings of which some are kept."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from app.cache.entries import Vector
from app.cache.inputs import CompletedAnswer, Inputs
from app.rendering import answer_of
from tasks.errors import ContextLengthExceeded, TaskError
from tasks.events import Done, Failed, Started, Usage, Vectors
from tasks.jobs import EmbedJob

JOB = EmbedJob(id="j", model="m", texts=("a", "b", "a", "c", "b"))


def row(number: float) -> bytes:
    return struct.pack("<f", number)


def inputs(job: EmbedJob = JOB, **kept: Vector) -> Inputs:
    """Each text is its own fingerprint."""
    return Inputs(job, [*job.texts, *map(str, job.tokens)], kept)


def told(answer: Any) -> tuple[list[float], int]:
    """The numbers of each vector, and the usage."""
    body = json.loads(answer.body())
    assert [each["index"] for each in body["data"]] == list(range(len(body["data"])))
    return [each["embedding"][0] for each in body["data"]], body["usage"]["prompt_tokens"]


def test_each_missing_input_is_computed_once() -> None:
    """In the order of the request, under its id."""
    some = inputs(b=Vector(5.0, 10, row(2)))
    assert (some.found, some.count, list(some.missing)) == (2, 5, ["a", "c"])
    assert (some.rest.id, some.rest.texts) == ("j", ("a", "c"))


def test_a_request_of_which_nothing_is_kept_is_its_own_job() -> None:
    """The same object: nothing is to be completed. Unless an input occurs twice."""
    job = EmbedJob(id="j", model="m", tokens=((1,), (2,)))
    assert inputs(job).rest is job
    assert inputs().rest.texts == ("a", "b", "c")


def test_token_ids_are_left_out_as_texts_are() -> None:
    """What is left of them is computed."""
    job = EmbedJob(id="j", model="m", tokens=((1,), (2,)))
    some = Inputs(job, ["x", "y"], {"x": Vector(5.0, 1, row(1))})
    assert (some.rest.texts, some.rest.tokens) == ((), ((2,),))


def test_kept_and_computed_make_one_answer() -> None:
    """Every input in its place, and the tokens of all counted, each time that they occur."""
    some = inputs(b=Vector(5.0, 10, row(2)))
    answer = CompletedAnswer(some, answer_of(JOB))
    answer.add(Started(101))
    answer.add(Vectors(1, 1, row(3), (100,)))
    answer.add(Vectors(0, 1, row(1), (1,)))
    answer.add(Done(Usage(101)))
    assert told(answer) == ([1.0, 2.0, 1.0, 3.0, 2.0], 1 + 10 + 1 + 100 + 10)


def test_an_answer_that_is_all_kept_needs_no_job() -> None:
    """Its events say all."""
    job = EmbedJob(id="j", model="m", texts=("b", "b"))
    answer = answer_of(job)
    for event in inputs(job, b=Vector(5.0, 10, row(2))).complete():
        answer.add(event)
    assert told(answer) == ([2.0, 2.0], 20)


@pytest.mark.parametrize(
    ("of_job", "of_request"),
    [("input[1]", "input[3]"), ("input[0]", "input[0]"), ("input[9]", "input[9]"), (None, None)],
)
def test_a_refusal_names_the_input_of_the_request(
    of_job: str | None, of_request: str | None
) -> None:
    """The job knows only those that it was to compute."""
    answer = CompletedAnswer(inputs(b=Vector(5.0, 10, row(2))), answer_of(JOB))
    named = of_job.removeprefix("input[").removesuffix("]") if of_job else "x"
    refusal = ContextLengthExceeded(f"Input {named} has 100 tokens.", param=of_job)
    with pytest.raises(TaskError) as raised:
        answer.add(Failed.of(refusal))
    assert raised.value.param == of_request
    place = of_request.removeprefix("input[").removesuffix("]") if of_request else "x"
    assert raised.value.message == f"Input {place} has 100 tokens."
