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
from app.openai.errors import BadRequest
from tasks.errors import UnknownModel
from tasks.jobs import decode, encode

Parse = Callable[..., ChatRequest | EmbeddingsRequest]

TEXT = st.text(st.characters())  # lone surrogates included
ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "refusal"]) | ANY},
    optional={"text": TEXT | ANY, "refusal": TEXT | ANY},
)
TURN = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "developer", "user", "assistant", "tool"]) | ANY,
        "content": TEXT | st.lists(PART, max_size=3) | ANY,
    },
    optional={"name": TEXT, "tool_calls": ANY},
)
NUMBER = st.integers(-3, 25) | st.floats(-3, 3) | st.none() | ANY
CHAT = st.fixed_dictionaries(
    {"model": st.sampled_from(["talk", "vec", "none"]), "messages": st.lists(TURN, max_size=3)},
    optional={
        field: NUMBER | st.booleans() | TEXT
        for field in ChatBody.__struct_fields__
        if field not in ("model", "messages")
    },
)
INPUT = TEXT | st.lists(TEXT | st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=3)) | ANY
EMBED = st.fixed_dictionaries(
    {"model": st.sampled_from(["vec", "talk", "none"]), "input": INPUT},
    optional={
        field: NUMBER | st.sampled_from(["float", "base64"])
        for field in EmbeddingsBody.__struct_fields__
        if field not in ("model", "input")
    },
)
CHAT_BODY = b'{"model": "talk", "messages": [{"role": "user", "content": "h\\u00e9llo"}], "n": 2}'
EMBED_BODY = b'{"model": "vec", "input": ["a", "b\\ud83c\\udf0a"], "dimensions": 8}'

# The parsers are pure and shared: nothing of one example is left for the next.
many = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(parse: Parse, body: bytes) -> None:
    """The job of ``body`` crosses the queue unchanged, or the refusal can be told."""
    try:
        job = parse(body).job
    except BadRequest as error:
        assert error.status == 400
        assert error.message
        error.message.encode()
    except UnknownModel as error:
        assert error.param == "model"
    else:
        assert decode(encode(job)) == job


@many
@given(body=CHAT)
def test_generated_chats_are_jobs_or_refusals(chat: Parse, body: dict[str, Any]) -> None:
    """Bodies of the right shape with any values in them are read or refused."""
    read(chat, json.dumps(body).encode())


@many
@given(body=EMBED)
def test_generated_embeddings_are_jobs_or_refusals(embed: Parse, body: dict[str, Any]) -> None:
    """Inputs of all forms, mixed ones included, are read or refused."""
    read(embed, json.dumps(body).encode())


@many
@given(value=ANY)
def test_arbitrary_json_is_a_refusal(chat: Parse, embed: Parse, value: Any) -> None:
    """JSON that is no request at all is refused by both endpoints."""
    body = json.dumps(value).encode()
    read(chat, body)
    read(embed, body)


@many
@given(data=st.data())
def test_mutated_bytes_are_jobs_or_refusals(chat: Parse, embed: Parse, data: st.DataObject) -> None:
    """A valid body with a stretch cut out and any bytes put in is read or refused."""
    for parse, body in ((chat, CHAT_BODY), (embed, EMBED_BODY)):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(len(body), start + 8)))
        read(parse, body[:start] + data.draw(st.binary(max_size=8)) + body[end:])


@many
@given(
    content=st.text(st.characters(exclude_categories=["Cs"])),
    temperature=st.floats(0, 2),
    seed=st.integers(-(2**63), 2**63 - 1),
    stop=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=4),
    bias=st.dictionaries(st.integers(0, 2**31 - 1), st.floats(-100, 100), max_size=4),
)
def test_valid_values_arrive_as_they_were_sent(
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
