from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.openai.chat import ChatRequest
from app.openai.chat_fields import ChatBody
from app.openai.errors import BadRequest
from tasks.errors import UnknownModel
from tasks.jobs import ChatJob, Message, Sampling, Shown, decode, encode

Parse = Callable[..., ChatRequest]


def refused(parse: Parse, **fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        parse(**fields)
    return caught.value


def test_the_least_request_is_a_job_with_openais_defaults(chat: Parse) -> None:
    """Model and messages are enough; everything else has OpenAI's default."""
    assert chat() == ChatRequest(
        job=ChatJob(
            id="j1",
            model="talk",
            messages=(Message("user", "hello"),),
            owner="ann",
            created_at=12.5,
        ),
        stream=False,
        background=False,
        webhook_url=None,
    )


def test_nulls_everywhere_are_the_least_request(chat: Parse) -> None:
    """Every optional field may be null and then counts as absent."""
    optional = set(ChatBody.__struct_fields__) - {"model", "messages"}
    assert chat(**dict.fromkeys(optional)) == chat()


def test_every_parameter_arrives_in_the_job(chat: Parse) -> None:
    """Each field that the sampler or the stream knows is carried over as sent."""
    request = chat(
        model="gpt-4o",
        max_completion_tokens=7,
        temperature=0,
        top_p=0.5,
        n=4,
        stop=["a", "b"],
        seed=-(2**63),
        presence_penalty=-2,
        frequency_penalty=2,
        logit_bias={"5": -100, "6": 1.5},
        logprobs=True,
        top_logprobs=20,
        metadata={"k": "v"},
        stream=True,
        stream_options={"include_usage": True},
        top_k=40,
        min_p=0.1,
        repeat_penalty=1.1,
        ignore_eos=True,
        cache_prompt=False,
        timings_per_token=True,
        timeout_s=2.5,
        background=True,
        webhook_url="https://example.com/hook",
    )
    assert request == ChatRequest(
        job=ChatJob(
            id="j1",
            model="talk",
            messages=(Message("user", "hello"),),
            owner="ann",
            created_at=12.5,
            sampling=Sampling(
                temperature=0.0,
                top_p=0.5,
                top_k=40,
                min_p=0.1,
                seed=-(2**63),
                presence_penalty=-2.0,
                frequency_penalty=2.0,
                repeat_penalty=1.1,
                logit_bias={5: -100.0, 6: 1.5},
            ),
            max_tokens=7,
            stop=("a", "b"),
            n=4,
            top_logprobs=20,
            ignore_eos=True,
            cache_prompt=False,
            metadata={"k": "v"},
            deadline_at=15.0,
            shown=Shown(include_usage=True, timings=True),
        ),
        stream=True,
        background=True,
        webhook_url="https://example.com/hook",
    )
    assert decode(encode(request.job)) == request.job


def test_messages_keep_their_order_and_developers_are_systems(chat: Parse) -> None:
    """All five roles are read; ``developer`` is the newer word for ``system``."""
    roles = ["developer", "system", "user", "assistant", "tool"]
    sent = [{"role": role, "content": role, "tool_call_id": "x"} for role in roles]
    job = chat(messages=sent).job
    assert [m.role for m in job.messages] == ["system", "system", "user", "assistant", "tool"]
    assert [m.content for m in job.messages] == roles
    # Only a tool's message answers a call.
    assert [m.tool_call_id for m in job.messages] == [None] * 4 + ["x"]


def test_text_parts_are_joined_by_lines(chat: Parse) -> None:
    """Several parts of one message become one text, a line break between them."""
    parts = [{"type": "text", "text": "a\x00"}, {"type": "text", "text": "b"}]
    job = chat(messages=[{"role": "user", "content": parts, "name": "ann"}]).job
    assert job.messages == (Message("user", "a\x00\nb", "ann"),)


def test_an_assistants_refusal_part_is_text(chat: Parse) -> None:
    """A conversation that holds an earlier refusal can go on."""
    part = {"type": "refusal", "refusal": "no"}
    assert chat(messages=[{"role": "assistant", "content": [part]}]).job.messages[0].content == "no"
    assert refused(chat, messages=[{"role": "user", "content": [part]}]).param == (
        "messages[0].content[0].type"
    )


@pytest.mark.parametrize(
    ("turn", "param", "code"),
    [
        ({"role": "narrator", "content": "x"}, "messages[1].role", "invalid_value"),
        ({"content": "x"}, "messages[1].role", "missing_required_parameter"),
        ({"role": "user"}, "messages[1].content", "missing_required_parameter"),
        (
            {"role": "assistant", "content": None},
            "messages[1].content",
            "missing_required_parameter",
        ),
        ({"role": "user", "content": []}, "messages[1].content", "invalid_value"),
        ({"role": "user", "content": 5}, "messages[1].content", "invalid_type"),
        (
            {"role": "user", "content": [{"type": "text"}]},
            "messages[1].content[0].text",
            "missing_required_parameter",
        ),
        (
            {"role": "user", "content": [{"type": "smell"}]},
            "messages[1].content[0].type",
            "invalid_value",
        ),
        (
            {"role": "assistant", "content": None, "tool_calls": []},
            "messages[1].content",
            "missing_required_parameter",
        ),
        (
            {"role": "assistant", "content": None, "function_call": {"name": "x"}},
            "messages[1].function_call",
            "unsupported_value",
        ),
        ("x", "messages[1]", "invalid_type"),
    ],
)
def test_a_wrong_message_is_named_by_its_place(
    chat: Parse, turn: Any, param: str, code: str
) -> None:
    """The param leads to the message, the part and the field at fault."""
    error = refused(chat, messages=[{"role": "user", "content": "hello"}, turn])
    assert (error.param, error.code) == (param, code)


@pytest.mark.parametrize(
    ("kind", "sense"), [("image_url", "vision"), ("input_audio", "hearing"), ("file", "reading")]
)
def test_a_part_that_the_model_cannot_perceive_is_refused(
    chat: Parse, kind: str, sense: str
) -> None:
    """An image is not silently dropped: the answer would be about something else."""
    content = [{"type": "text", "text": "look"}, {"type": kind, kind: {"url": "data:,"}}]
    error = refused(chat, messages=[{"role": "user", "content": content}])
    assert (error.param, error.code) == ("messages[0].content[1]", "unsupported_value")
    assert "'talk' has no" in error.message
    assert sense in error.message


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("messages", []),
        ("messages", None),
        ("messages", [{"role": "user", "content": ""}] * 2049),
        ("max_tokens", 0),
        ("max_completion_tokens", 0),
        ("max_tokens", 2**31),
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("temperature", True),
        ("temperature", "1"),
        ("top_p", 1.1),
        ("top_p", -1),
        ("n", 0),
        ("n", 5),
        ("stop", ["a", "b", "c", "d", "e"]),
        ("stop", ""),
        ("stop", "s" * 1025),
        ("seed", 2**63),
        ("seed", 1.5),
        ("presence_penalty", 2.1),
        ("frequency_penalty", -2.1),
        ("logit_bias", {"5": 101}),
        ("logit_bias", {"five": 1}),
        ("logit_bias", {"-5": 1}),
        ("logit_bias", {"²": 1}),
        ("logit_bias", {"9999999999": 1}),
        ("logit_bias", {str(i): 0 for i in range(1025)}),
        ("logprobs", 1),
        ("top_logprobs", 5),
        ("top_logprobs", 21),
        ("metadata", {"k": 1}),
        ("user", 5),
        ("parallel_tool_calls", "yes"),
        ("stream", "true"),
        ("stream_options", {"include_usage": True}),
        ("top_k", -1),
        ("min_p", 1.5),
        ("repeat_penalty", 0),
        ("repeat_penalty", 2.5),
        ("ignore_eos", 0),
        ("cache_prompt", 1),
        ("grammar", 5),
        ("json_schema", "{}"),
        ("json_schema", True),
        ("tools", {}),
        ("tool_choice", 5),
        ("timings", 1),
        ("timings_per_token", "yes"),
        ("timeout_s", 0),
        ("timeout_s", -1),
        ("timeout_s", 86_401),
        ("timeout_s", "5"),
        ("background", "yes"),
        ("webhook_url", ["https://example.com/hook"]),
        ("model", None),
        ("model", "m" * 257),
        ("model", "vec"),
    ],
)
def test_a_value_out_of_range_names_its_field(chat: Parse, field: str, bad: Any) -> None:
    """Each range ends where the contract says, and the refusal says which field it was."""
    assert refused(chat, **{field: bad}).param == field


@pytest.mark.parametrize("stop", [[""], ["a", ""]])
def test_an_empty_stop_string_is_named_by_its_index(chat: Parse, stop: list[str]) -> None:
    """An empty string would stop every answer before it begins."""
    assert refused(chat, stop=stop).param == f"stop[{len(stop) - 1}]"


@pytest.mark.parametrize(
    "harmless",
    [
        {"response_format": {"type": "text"}},
        {"tools": []},
        {"tools": [], "tool_choice": "none"},
        {"tool_choice": "auto"},
        {"grammar": ""},
        {"parallel_tool_calls": True},
        {"parallel_tool_calls": False},
        {"functions": [], "function_call": "none"},
        {"timings": False, "timings_per_token": False},
        {"user": "ann"},
        {"stop": []},
        {"logit_bias": {}},
        {"logprobs": False},
        {"stream": False},
        {"store": True, "service_tier": "auto", "reasoning_effort": "low"},
    ],
)
def test_what_constrains_nothing_changes_nothing(chat: Parse, harmless: dict[str, Any]) -> None:
    """Clients that send the neutral value of a feature get the answer of those that do not."""
    assert chat(**harmless) == chat()


def test_the_newer_limit_wins(chat: Parse) -> None:
    """With both limits given, ``max_completion_tokens`` counts."""
    assert chat(max_tokens=5, max_completion_tokens=3).job.max_tokens == 3
    assert chat(max_tokens=5).job.max_tokens == 5


def test_more_choices_than_slots_says_how_many_there_are(chat: Parse) -> None:
    """``n`` is bounded by the model's slots, and the message tells their number."""
    assert "4 slots" in refused(chat, n=5).message
    assert chat(n=4).job.n == 4


def test_logprobs_alone_are_those_of_the_chosen_tokens(chat: Parse) -> None:
    """``logprobs`` without ``top_logprobs`` asks for no alternatives."""
    assert chat(logprobs=True).job.top_logprobs == 0
    assert chat().job.top_logprobs is None


def test_an_unknown_model_passes_through_as_such(chat: Parse) -> None:
    """The catalog's error is the 404's cause, not a bad request."""
    with pytest.raises(UnknownModel):
        chat(model="gpt-9\x00")


@pytest.mark.parametrize("name", ["timings", "timings_per_token"])
def test_timings_are_asked_for_by_either_name(chat: Parse, name: str) -> None:
    """llama-server's clients ask for them per token."""
    assert chat(**{name: True}).job.shown.timings is True
    assert chat().job.shown.timings is False
