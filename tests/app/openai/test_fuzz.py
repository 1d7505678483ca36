"""Generated requests: whatever is sent becomes a job that crosses the queue, or is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.openai.chat import ChatRequest
from app.openai.chat_fields import ChatBody
from app.openai.completion_fields import CompletionBody
from app.openai.completions import CompletionRequest
from app.openai.embeddings import EmbeddingsBody, EmbeddingsRequest
from app.openai.errors import BadRequest, body_of, error_body, error_type
from app.openai.tokens import DetokenizeBody, TokenizeBody, parse_detokenize, parse_tokenize
from tasks import questions
from tasks.catalog import Catalog
from tasks.errors import UnknownModel
from tasks.jobs import decode, encode

Parse = Callable[..., ChatRequest | CompletionRequest | EmbeddingsRequest]

TEXT = st.text(st.characters())  # lone surrogates included
ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
WORDS = st.text(st.characters(exclude_categories=["Cs"]))
ANY_VALID: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3) | WORDS,
    max_leaves=6,
)
IDS = st.integers(0, 2**31 - 1)
PART = st.fixed_dictionaries({"type": st.just("text"), "text": WORDS})
NAMES = st.sampled_from(["f", "g", "a-b_1"])
CALL = st.fixed_dictionaries(
    {
        "id": WORDS.filter(bool),
        "function": st.fixed_dictionaries({"name": NAMES, "arguments": WORDS}),
    },
    optional={"type": st.just("function"), "newer": ANY},
)
CONTENT = WORDS | st.lists(PART, min_size=1, max_size=3)
BESIDE = {"name": WORDS | st.none(), "newer": ANY, "function_call": st.none()}
TURN = st.one_of(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user"]), "content": CONTENT},
        optional=BESIDE | {"tool_calls": st.just([])},
    ),
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "tool_calls": st.lists(CALL, min_size=1, max_size=2)},
        optional=BESIDE | {"content": CONTENT | st.none()},
    ),
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["tool", "assistant"]),
            "content": CONTENT,
            "tool_call_id": WORDS.filter(bool),
        },
        optional=BESIDE,
    ),
)
SCHEMA = st.dictionaries(WORDS, ANY_VALID, max_size=3) | st.fixed_dictionaries(
    {"type": st.just("object")}, optional={"properties": st.dictionaries(WORDS, ANY_VALID)}
)
GRAMMAR = st.just("") | st.just('root ::= "a"') | WORDS
FUNCTION = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "description": WORDS | st.none(),
        "parameters": SCHEMA | st.none(),
        "strict": st.booleans() | st.none(),
    },
)
TOOL = st.fixed_dictionaries({"type": st.just("function"), "function": FUNCTION})
NAMED = st.fixed_dictionaries(
    {"type": st.sampled_from(["function", "allowed_tools", "custom"])},
    optional={"function": st.fixed_dictionaries({"name": NAMES})},
)
NAMED_SCHEMA = st.fixed_dictionaries(
    {"name": NAMES}, optional={"schema": SCHEMA, "strict": st.booleans(), "description": WORDS}
)
RESPONSE_FORMAT = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "json_object", "json_schema", "grammar"])},
    optional={"json_schema": NAMED_SCHEMA, "schema": SCHEMA},
)
PENALTY = st.floats(-2, 2)
METADATA = st.dictionaries(WORDS.filter(lambda key: len(key) < 65), WORDS, max_size=4)
OF_ANY_JOB: dict[str, st.SearchStrategy[Any]] = {
    "user": WORDS,
    "metadata": METADATA,
    "timeout_s": st.floats(0, 86_400, exclude_min=True),
    "background": st.booleans(),
    "webhook_url": WORDS,
}
ANSWER: dict[str, st.SearchStrategy[Any]] = OF_ANY_JOB | {
    "model": st.sampled_from(["talk", "gpt-4o"]),
    "max_tokens": st.integers(0, 2**31 - 1),
    "temperature": st.floats(0, 2),
    "top_p": st.floats(0, 1),
    "n": st.integers(1, 4),
    "stop": st.text("ab水", min_size=1) | st.lists(st.text("ab水", min_size=1), max_size=4),
    "seed": st.integers(-(2**63), 2**63 - 1),
    "presence_penalty": PENALTY,
    "frequency_penalty": PENALTY,
    "logit_bias": st.dictionaries(IDS.map(str), st.floats(-100, 100), max_size=4),
    "response_format": RESPONSE_FORMAT,
    "stream": st.booleans(),
    "stream_options": st.fixed_dictionaries({}, optional={"include_usage": st.booleans()}),
    "top_k": st.integers(0, 2**31 - 1),
    "min_p": st.floats(0, 1),
    "repeat_penalty": st.floats(0, 2, exclude_min=True),
    "grammar": GRAMMAR,
    "json_schema": SCHEMA,
    "ignore_eos": st.booleans(),
    "cache_prompt": st.booleans(),
    "timings": st.booleans(),
    "timings_per_token": st.booleans(),
}
CHAT = ANSWER | {
    "messages": st.lists(TURN, min_size=1, max_size=3),
    "max_completion_tokens": st.integers(1, 2**31 - 1),
    "logprobs": st.booleans(),
    "top_logprobs": st.integers(0, 20),
    "tools": st.lists(TOOL, max_size=2),
    "tool_choice": st.sampled_from(["none", "auto", "required"]) | NAMED,
    "functions": st.just([]),
    "function_call": st.sampled_from(["none", "auto"]),
    "parallel_tool_calls": st.booleans(),
}
FILLED = WORDS.filter(bool)
IDS_LIST = st.lists(IDS, min_size=1, max_size=4)
INPUT = (
    FILLED | st.lists(FILLED, min_size=1, max_size=4) | IDS_LIST | st.lists(IDS_LIST, max_size=4)
)
COMPLETE = ANSWER | {
    "prompt": INPUT,
    "best_of": st.integers(1, 2),
    "echo": st.booleans(),
    "suffix": st.just(""),
    "logprobs": st.integers(0, 5),
}
TOKENIZE: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(["talk", "vec"]),
    "content": WORDS,
    "add_special": st.booleans(),
    "parse_special": st.booleans(),
    "with_pieces": st.booleans(),
    "prompt": WORDS,
    "messages": st.lists(TURN, min_size=1, max_size=3),
    "tools": st.lists(TOOL, max_size=2),
    "add_special_tokens": st.booleans(),
}
DETOKENIZE: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(["talk", "vec"]),
    "tokens": st.lists(IDS, max_size=4),
}
EMBED: dict[str, st.SearchStrategy[Any]] = OF_ANY_JOB | {
    "model": st.sampled_from(["vec", "ada"]),
    "input": INPUT,
    "encoding_format": st.sampled_from(["float", "base64"]),
    "dimensions": st.integers(1, 2**31 - 1),
}


@st.composite
def bodies(
    draw: st.DrawFn, fields: dict[str, st.SearchStrategy[Any]], required: tuple[str, ...]
) -> dict[str, Any]:
    """A body of valid fields, in half of the cases with any value in one of them."""
    chosen = draw(st.sets(st.sampled_from(sorted(fields)), max_size=8)) | set(required)
    body = {field: draw(fields[field]) for field in sorted(chosen)}
    if draw(st.booleans()):
        body[draw(st.sampled_from([*sorted(fields), "newer"]))] = draw(ANY)
    return body


CHAT_BODY = b'{"model": "talk", "messages": [{"role": "user", "content": "h\\u00e9llo"}], "n": 2}'
COMPLETE_BODY = b'{"model": "talk", "prompt": [[1, 2], [3]], "n": 2, "json_schema": {"a": 1.5}}'
EMBED_BODY = b'{"model": "vec", "input": ["a", "b\\ud83c\\udf0a"], "dimensions": 8}'

VERDICTS = ("job", "refusal")

# The parsers are pure and shared: nothing of one example is left for the next.
many = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# The two endpoints whose fields have most to do with one another.
most = settings(many, max_examples=2_000)


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
    assert set(COMPLETE) == set(CompletionBody.__struct_fields__)
    assert set(EMBED) == set(EmbeddingsBody.__struct_fields__)
    assert set(TOKENIZE) == set(TokenizeBody.__struct_fields__)
    assert set(DETOKENIZE) == set(DetokenizeBody.__struct_fields__)


@most
@given(body=bodies(CHAT, ("model", "messages")))
def test_generated_chats_are_jobs_or_refusals(chat: Parse, body: dict[str, Any]) -> None:
    """Valid bodies, and those with one value that may be anything, are read or refused."""
    assert read(chat, json.dumps(body).encode()) in VERDICTS


@most
@given(body=bodies(COMPLETE, ("model", "prompt")))
def test_generated_completions_are_jobs_or_refusals(complete: Parse, body: dict[str, Any]) -> None:
    """Prompts of all forms, with every other field, are read or refused."""
    assert read(complete, json.dumps(body).encode()) in VERDICTS


@many
@given(
    tokenize=bodies(TOKENIZE, ("content",)),
    detokenize=bodies(DETOKENIZE, ("tokens",)),
)
def test_generated_questions_are_asked_or_refused(
    catalog: Catalog, tokenize: dict[str, Any], detokenize: dict[str, Any]
) -> None:
    """A question crosses to the worker unchanged, or its refusal can be told."""
    for parse, body in ((parse_tokenize, tokenize), (parse_detokenize, detokenize)):
        try:
            question = parse(json.dumps(body).encode(), catalog=catalog).question
        except (BadRequest, UnknownModel) as error:
            told = json.loads(body_of(error))
        else:
            told = questions.decode_question(questions.encode(question)) == question
        assert told


@many
@given(body=bodies(EMBED, ("model", "input")))
def test_generated_embeddings_are_jobs_or_refusals(embed: Parse, body: dict[str, Any]) -> None:
    """Inputs of all forms, mixed ones included, are read or refused."""
    assert read(embed, json.dumps(body).encode()) in VERDICTS


@many
@given(value=ANY)
def test_arbitrary_json_is_a_refusal(
    chat: Parse, complete: Parse, embed: Parse, value: Any
) -> None:
    """JSON that is no request at all is refused by all endpoints."""
    body = json.dumps(value).encode()
    assert read(chat, body) == read(complete, body) == read(embed, body) == "refusal"


@many
@given(data=st.data())
def test_mutated_bytes_are_jobs_or_refusals(
    chat: Parse, complete: Parse, embed: Parse, data: st.DataObject
) -> None:
    """A valid body with a stretch cut out and any bytes put in is read or refused."""
    for parse, body in ((chat, CHAT_BODY), (complete, COMPLETE_BODY), (embed, EMBED_BODY)):
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
