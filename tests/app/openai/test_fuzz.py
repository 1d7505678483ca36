"""Generated requests: whatever is sent becomes a job that crosses the queue, or is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.openai.chat import ChatRequest
from app.openai.chat_fields import ChatBody
from app.openai.embeddings import EmbeddingsBody, EmbeddingsRequest
from app.openai.errors import BadRequest, error_body, error_type
from tasks.errors import UnknownModel
from tasks.jobs import decode, encode

Parse = Callable[..., ChatRequest | EmbeddingsRequest]

TEXT = st.text(st.characters())  # lone surrogates included
ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
WORDS = st.text(st.characters(exclude_categories=["Cs"]))
IDS = st.integers(0, 2**31 - 1)
PART = st.fixed_dictionaries({"type": st.just("text"), "text": WORDS})
TURN = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "developer", "user", "assistant", "tool"]),
        "content": WORDS | st.lists(PART, min_size=1, max_size=3),
    },
    optional={"name": WORDS | st.none(), "tool_calls": st.just([]), "newer": ANY},
)
PENALTY = st.floats(-2, 2)
METADATA = st.dictionaries(WORDS.filter(lambda key: len(key) < 65), WORDS, max_size=4)
CHAT: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(["talk", "gpt-4o"]),
    "messages": st.lists(TURN, min_size=1, max_size=3),
    "max_tokens": st.integers(1, 2**31 - 1),
    "max_completion_tokens": st.integers(1, 2**31 - 1),
    "temperature": st.floats(0, 2),
    "top_p": st.floats(0, 1),
    "n": st.integers(1, 4),
    "stop": st.text("ab水", min_size=1) | st.lists(st.text("ab水", min_size=1), max_size=4),
    "seed": st.integers(-(2**63), 2**63 - 1),
    "presence_penalty": PENALTY,
    "frequency_penalty": PENALTY,
    "logit_bias": st.dictionaries(IDS.map(str), st.floats(-100, 100), max_size=4),
    "logprobs": st.booleans(),
    "top_logprobs": st.integers(0, 20),
    "response_format": st.just({"type": "text"}),
    "tools": st.just([]),
    "tool_choice": st.sampled_from(["none", "auto"]),
    "functions": st.just([]),
    "parallel_tool_calls": st.booleans(),
    "user": WORDS,
    "metadata": METADATA,
    "stream": st.booleans(),
    "stream_options": st.fixed_dictionaries({}, optional={"include_usage": st.booleans()}),
    "top_k": st.integers(0, 2**31 - 1),
    "min_p": st.floats(0, 1),
    "repeat_penalty": st.floats(0, 2, exclude_min=True),
    "grammar": st.just(""),
    "ignore_eos": st.booleans(),
    "cache_prompt": st.booleans(),
}
EMBED: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(["vec", "ada"]),
    "input": WORDS
    | st.lists(WORDS, max_size=4)
    | st.lists(IDS, max_size=4)
    | st.lists(st.lists(IDS, max_size=4), max_size=4),
    "encoding_format": st.sampled_from(["float", "base64"]),
    "dimensions": st.integers(1, 2**31 - 1),
    "user": WORDS,
    "metadata": METADATA,
}


@st.composite
def bodies(
    draw: st.DrawFn, fields: dict[str, st.SearchStrategy[Any]], required: tuple[str, ...]
) -> dict[str, Any]:
    """A body of valid fields, in half of the cases with any value in one of them."""
    chosen = draw(st.sets(st.sampled_from(sorted(fields)), max_size=6)) | set(required)
    body = {field: draw(fields[field]) for field in sorted(chosen)}
    if draw(st.booleans()):
        body[draw(st.sampled_from([*sorted(fields), "newer"]))] = draw(ANY)
    return body


CHAT_BODY = b'{"model": "talk", "messages": [{"role": "user", "content": "h\\u00e9llo"}], "n": 2}'
EMBED_BODY = b'{"model": "vec", "input": ["a", "b\\ud83c\\udf0a"], "dimensions": 8}'

VERDICTS = ("job", "refusal")

# The parsers are pure and shared: nothing of one example is left for the next.
many = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(parse: Parse, body: bytes) -> str:
    """A job that crosses the queue unchanged, or a refusal that can be told: which of the two."""
    try:
        job = parse(body).job
    except (BadRequest, UnknownModel) as error:
        refusal = error_body(error.message, error_type(error), error.param, error.code)
    else:
        assert decode(encode(job)) == job
        return "job"
    shown = json.loads(refusal)["error"]
    assert shown["message"]
    assert shown["type"] == "invalid_request_error"
    assert isinstance(shown["code"], str)
    return "refusal"


def test_every_field_is_generated() -> None:
    """A field that is added to a body is added to these tests."""
    assert set(CHAT) == set(ChatBody.__struct_fields__)
    assert set(EMBED) == set(EmbeddingsBody.__struct_fields__)


@many
@given(body=bodies(CHAT, ("model", "messages")))
def test_generated_chats_are_jobs_or_refusals(chat: Parse, body: dict[str, Any]) -> None:
    """Valid bodies, and those with one value that may be anything, are read or refused."""
    assert read(chat, json.dumps(body).encode()) in VERDICTS


@many
@given(body=bodies(EMBED, ("model", "input")))
def test_generated_embeddings_are_jobs_or_refusals(embed: Parse, body: dict[str, Any]) -> None:
    """Inputs of all forms, mixed ones included, are read or refused."""
    assert read(embed, json.dumps(body).encode()) in VERDICTS


@many
@given(value=ANY)
def test_arbitrary_json_is_a_refusal(chat: Parse, embed: Parse, value: Any) -> None:
    """JSON that is no request at all is refused by both endpoints."""
    body = json.dumps(value).encode()
    assert read(chat, body) == read(embed, body) == "refusal"


@many
@given(data=st.data())
def test_mutated_bytes_are_jobs_or_refusals(chat: Parse, embed: Parse, data: st.DataObject) -> None:
    """A valid body with a stretch cut out and any bytes put in is read or refused."""
    for parse, body in ((chat, CHAT_BODY), (embed, EMBED_BODY)):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(len(body), start + 8)))
        mutated = body[:start] + data.draw(st.binary(max_size=8)) + body[end:]
        assert read(parse, mutated) in VERDICTS


@many
@given(
    content=WORDS,
    temperature=st.floats(0, 2),
    seed=st.integers(-(2**63), 2**63 - 1),
    stop=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=4),
    bias=st.dictionaries(IDS, st.floats(-100, 100), max_size=4),
)
def test_valid_values_arrive_as_they_were_sent(
    *,
    chat: Parse,
    content: str,
    temperature: float,
    seed: int,
    stop: list[str],
    bias: dict[int, float],
) -> None:
    """Any text, NUL and astral characters included, and any number in range is kept exactly."""
    fields: dict[str, Any] = {"temperature": temperature, "seed": seed, "stop": stop}
    request = chat(
        messages=[{"role": "user", "content": content}],
        logit_bias={str(key): value for key, value in bias.items()},
        **fields,
    )
    assert isinstance(request, ChatRequest)
    job = request.job
    assert job.messages[0].content == content
    assert (job.sampling.temperature, job.sampling.seed) == (temperature, seed)
    assert job.stop == tuple(stop)
    assert job.sampling.logit_bias == bias
