"""Completion requests: prompts in all forms, and what the fields mean together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.openai.completion_fields import CompletionBody
from app.openai.completions import CompletionRequest
from app.openai.errors import BadRequest
from tasks.errors import UnknownModel
from tasks.jobs import CompletionJob, Form, Sampling, Shown, decode, encode

Parse = Callable[..., CompletionRequest]


def refused(parse: Parse, **fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        parse(**fields)
    return caught.value


def test_the_least_request_is_a_job_with_openais_defaults(complete: Parse) -> None:
    """Model and prompt are enough; an answer has 16 tokens unless asked for otherwise."""
    assert complete() == CompletionRequest(
        job=CompletionJob(
            id="j1", model="talk", texts=("hello",), owner="ann", created_at=12.5, max_tokens=16
        ),
        stream=False,
        background=False,
        webhook_url=None,
    )


def test_nulls_everywhere_are_the_least_request(complete: Parse) -> None:
    """Every optional field may be null and then counts as absent."""
    optional = set(CompletionBody.__struct_fields__) - {"model", "prompt"}
    assert complete(**dict.fromkeys(optional)) == complete()


def test_every_parameter_arrives_in_the_job(complete: Parse) -> None:
    """Each field that the sampler or the stream knows is carried over as sent."""
    request = complete(
        model="gpt-4o",
        prompt=["a", "b"],
        max_tokens=0,
        echo=True,
        temperature=0,
        top_p=0.5,
        n=4,
        best_of=4,
        seed=5,
        presence_penalty=-2,
        frequency_penalty=2,
        logit_bias={"5": -100},
        logprobs=5,
        metadata={"k": "v"},
        user="ann",
        stream=True,
        stream_options={"include_usage": True},
        top_k=40,
        min_p=0.1,
        repeat_penalty=1.1,
        grammar="root ::= [a-z]*",
        cache_prompt=False,
        timings=True,
        timeout_s=1,
        background=True,
        webhook_url="https://example.com/hook",
    )
    assert request == CompletionRequest(
        job=CompletionJob(
            id="j1",
            model="talk",
            texts=("a", "b"),
            owner="ann",
            created_at=12.5,
            sampling=Sampling(
                temperature=0.0,
                top_p=0.5,
                top_k=40,
                min_p=0.1,
                seed=5,
                presence_penalty=-2.0,
                frequency_penalty=2.0,
                repeat_penalty=1.1,
                logit_bias={5: -100.0},
            ),
            max_tokens=0,
            n=4,
            top_logprobs=5,
            echo=True,
            cache_prompt=False,
            metadata={"k": "v"},
            form=Form("gbnf", "root ::= [a-z]*"),
            deadline_at=13.5,
            shown=Shown(include_usage=True, timings=True),
        ),
        stream=True,
        background=True,
        webhook_url="https://example.com/hook",
    )
    assert decode(encode(request.job)) == request.job


def test_an_answer_that_does_not_end_has_its_stop_strings(complete: Parse) -> None:
    """Without a form, ``stop`` and ``ignore_eos`` are taken together."""
    job = complete(stop=["a", "b"], ignore_eos=True).job
    assert (job.stop, job.ignore_eos) == (("a", "b"), True)


@pytest.mark.parametrize(
    ("sent", "texts", "tokens"),
    [
        ("a", ("a",), ()),
        (["a", "b\x00"], ("a", "b\x00"), ()),
        ([1, 0, 2**31 - 1], (), ((1, 0, 2**31 - 1),)),
        ([[1], [2, 3]], (), ((1,), (2, 3))),
    ],
)
def test_all_four_forms_of_prompt_arrive(
    complete: Parse, sent: Any, texts: tuple[str, ...], tokens: tuple[tuple[int, ...], ...]
) -> None:
    """Text or ids, one or many: exactly one of the job's two fields is filled, in order."""
    job = complete(prompt=sent).job
    assert (job.texts, job.tokens) == (texts, tokens)
    assert decode(encode(job)) == job


@pytest.mark.parametrize(
    ("field", "bad", "param"),
    [
        ("prompt", "", "prompt"),
        ("prompt", [], "prompt"),
        ("prompt", None, "prompt"),
        ("prompt", {}, "prompt"),
        ("prompt", ["a", ""], "prompt[1]"),
        ("prompt", [[1], []], "prompt[1]"),
        ("prompt", ["a", 1], "prompt[1]"),
        ("prompt", [1, -1], "prompt[1]"),
        ("prompt", [[1, 1.5]], "prompt[0][1]"),
        ("prompt", ["a"] * 129, "prompt"),
        ("prompt", [1] * 2049, "prompt"),
        ("prompt", [[1], [1] * 2049], "prompt[1]"),
        ("max_tokens", 0, "max_tokens"),
        ("max_tokens", -1, "max_tokens"),
        ("max_tokens", "5", "max_tokens"),
        ("n", 0, "n"),
        ("n", 5, "n"),
        ("best_of", 2, "best_of"),
        ("best_of", 0, "best_of"),
        ("echo", 1, "echo"),
        ("suffix", "the end", "suffix"),
        ("suffix", 5, "suffix"),
        ("logprobs", 6, "logprobs"),
        ("logprobs", -1, "logprobs"),
        ("logprobs", True, "logprobs"),
        ("response_format", {"type": "json_object"}, "response_format"),
        ("stream_options", {}, "stream_options"),
        ("temperature", 2.1, "temperature"),
        ("logit_bias", {"x": 1}, "logit_bias"),
        ("timeout_s", 0, "timeout_s"),
        ("background", 1, "background"),
        ("webhook_url", False, "webhook_url"),
        ("grammar", 5, "grammar"),
        ("json_schema", [], "json_schema"),
        ("model", "vec", "model"),
        ("model", None, "model"),
    ],
)
def test_a_wrong_value_names_its_field(complete: Parse, field: str, bad: Any, param: str) -> None:
    """Each range ends where the contract says, and the refusal says which field it was."""
    assert refused(complete, **{field: bad}).param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 4, "best_of": 2}, "best_of"),
        ({"n": 2, "best_of": 4}, "best_of"),
        ({"grammar": 'root ::= "a"', "stop": "a"}, "stop"),
        ({"json_schema": {}, "ignore_eos": True}, "ignore_eos"),
        ({"json_schema": {}, "grammar": 'root ::= "a"'}, "grammar"),
        ({"prompt": ["a"] * 33, "n": 4}, "prompt"),
    ],
)
def test_what_does_not_go_together_is_refused(
    complete: Parse, fields: dict[str, Any], param: str
) -> None:
    """The refusal names the field to change."""
    assert refused(complete, **fields).param == param


def test_as_many_choices_as_are_made_in_one_request(complete: Parse) -> None:
    """128 choices over all prompts; the refusal of more tells how they were counted."""
    assert len(complete(prompt=["a"] * 32, n=4).job.texts) == 32
    assert "33 prompts with 4 choices each" in refused(complete, prompt=["a"] * 33, n=4).message


@pytest.mark.parametrize(
    "harmless",
    [
        {"suffix": ""},
        {"best_of": 1},
        {"echo": False},
        {"response_format": {"type": "text"}},
        {"grammar": ""},
        {"user": "ann"},
        {"store": True},
    ],
)
def test_neutral_values_change_nothing(complete: Parse, harmless: dict[str, Any]) -> None:
    """Clients that send a feature's neutral value get the answer of those that do not."""
    assert complete(**harmless) == complete()


def test_more_ids_than_the_context_holds_tell_both_counts(complete: Parse) -> None:
    """The length of a prompt of token ids is known, so the worker need not be asked."""
    error = refused(complete, prompt=[1] * 2049)
    assert error.code == "context_length_exceeded"
    assert "2049 tokens" in error.message
    assert "at most 2048" in error.message


def test_an_unknown_model_passes_through_as_such(complete: Parse) -> None:
    """The catalog's error is the 404's cause, not a bad request."""
    with pytest.raises(UnknownModel):
        complete(model="gpt-9")
