"""The official client against the real models: what a user does first."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import openai
import pytest

from tests.acceptance.stack import Stack

CHAT, EMBED = "smollm2-135m", "minilm-l6"
ASK = [{"role": "user", "content": "Explain what a message queue is in one sentence."}]


def ask(stack: Stack, **changes: Any) -> Any:
    """A chat completion of the real model."""
    fields: dict[str, Any] = {
        "model": CHAT,
        "messages": ASK,
        "temperature": 0,
        "max_tokens": 40,
        # With it off equal requests have equal answers: docs/use.md says why.
        "extra_body": {"cache_prompt": False},
    } | changes
    return stack.client.chat.completions.create(**fields)


def test_a_whole_answer(stack: Stack) -> None:
    """Text, reason and usage of a real answer."""
    answer = ask(stack)
    [choice] = answer.choices
    assert "queue" in choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert choice.logprobs is None
    assert choice.message.refusal is None
    assert answer.usage.prompt_tokens == 40
    assert 10 <= answer.usage.completion_tokens <= 40
    assert answer.usage.total_tokens == 40 + answer.usage.completion_tokens
    assert answer.usage.prompt_tokens_details.cached_tokens == 0


def test_the_next_turn_finds_the_last_one_in_memory(stack: Stack) -> None:
    """Of a conversation that goes on all but the new turn is cached, and counted."""
    first = ask(stack, extra_body={})
    said = {"role": "assistant", "content": first.choices[0].message.content}
    turns = [*ASK, said, {"role": "user", "content": "Why?"}]
    usage = ask(stack, messages=turns, extra_body={}).usage
    # The answer was cut off, so that its last token and the template's end of turn are new.
    assert usage.prompt_tokens_details.cached_tokens >= first.usage.total_tokens - 2
    again = ask(stack, messages=turns)
    assert again.usage.prompt_tokens_details.cached_tokens == 0


def test_a_streamed_answer_is_the_whole_answer(stack: Stack) -> None:
    """The chunks concatenate to the same greedy text, under one id, with usage at the end."""
    chunks = list(ask(stack, stream=True, stream_options={"include_usage": True}))
    whole = ask(stack)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[0].choices[0].delta.content is None
    assert [c.choices[0].delta.role for c in chunks[1:-1]] == [None] * (len(chunks) - 2)
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage


def test_a_stream_without_usage_has_none(stack: Stack) -> None:
    """Usage comes only when it is asked for."""
    chunks = list(ask(stack, stream=True, max_tokens=3))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_max_tokens_ends_with_length(stack: Stack) -> None:
    """max_completion_tokens is the same by its newer name."""
    for name in ("max_tokens", "max_completion_tokens"):
        answer = ask(stack, **{"max_tokens": openai.omit, name: 5})
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage.completion_tokens == 5


def test_stop_ends_before_the_stop_string(stack: Stack) -> None:
    """Streamed and whole, no part of the stop string is seen, across tokens too."""
    text = ask(stack).choices[0].message.content
    stop = text[10:20]
    answer = ask(stack, stop=[stop])
    assert answer.choices[0].message.content == text[:10]
    assert answer.choices[0].finish_reason == "stop"
    chunks = ask(stack, stop=stop, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == text[:10]


def test_a_seed_repeats_and_another_differs(stack: Stack) -> None:
    """The same seed gives the same text; among five seeds texts differ."""

    def text(seed: int) -> str:
        answer = ask(stack, temperature=1, top_p=0.9, seed=seed)
        return str(answer.choices[0].message.content)

    assert text(7) == text(7)
    assert len({text(seed) for seed in range(5)}) > 1


def test_sampling_reaches_the_sampler(stack: Stack) -> None:
    """A bias decides the token; a tiny top_p and top_k 1 are greedy at any temperature."""
    biased = ask(stack, logit_bias={"1780": 100}, max_tokens=3)
    assert biased.choices[0].message.content == "What" * 3
    greedy = ask(stack).choices[0].message.content
    assert ask(stack, temperature=2, top_p=0.0001).choices[0].message.content == greedy
    sharp = ask(stack, temperature=2, extra_body={"top_k": 1})
    assert sharp.choices[0].message.content == greedy


def test_penalties_reach_the_sampler(stack: Stack) -> None:
    """A forced token is not repeated once a penalty outweighs its bias."""
    free = ask(stack, logit_bias={"1780": 30}, max_tokens=6).choices[0].message.content
    curbed = ask(stack, logit_bias={"1780": 30}, max_tokens=6, extra_body={"repeat_penalty": 2.0})
    assert free.count("What") > curbed.choices[0].message.content.count("What")


def test_two_choices(stack: Stack) -> None:
    """n draws independent choices and counts the tokens of both."""
    answer = ask(stack, n=2, temperature=1, seed=3, max_tokens=12)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.choices[0].message.content != answer.choices[1].message.content
    assert answer.usage.completion_tokens == 24


def test_logprobs(stack: Stack) -> None:
    """Tokens concatenate to the text, with bytes, log probabilities and alternatives."""
    choice = ask(stack, logprobs=True, top_logprobs=3, max_tokens=10).choices[0]
    entries = choice.logprobs.content
    assert "".join(entry.token for entry in entries) == choice.message.content
    for entry in entries:
        assert entry.logprob <= 0
        assert bytes(entry.bytes).decode() == entry.token
        assert entry.top_logprobs[0].token == entry.token
        assert len(entry.top_logprobs) == 3


def test_a_system_message_and_content_parts(stack: Stack) -> None:
    """Parts of text are the same as the text."""
    system = {"role": "system", "content": "You answer briefly."}
    plain = ask(stack, messages=[system, *ASK])
    parts = [{"type": "text", "text": ASK[0]["content"]}]
    split = ask(stack, messages=[system, {"role": "user", "content": parts}])
    assert split.choices[0].message.content == plain.choices[0].message.content
    assert split.usage.prompt_tokens == plain.usage.prompt_tokens != 40


def test_a_prompt_beyond_the_context_is_refused_with_the_counts(stack: Stack) -> None:
    """400 before any byte of a stream, and nothing is enqueued."""
    long = [{"role": "user", "content": "word " * 3_000}]
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refused:
            ask(stack, messages=long, stream=stream)
        assert refused.value.code == "context_length_exceeded"
        assert "2048" in refused.value.message
        assert refused.value.request_id
        assert stack.ledger.state(refused.value.request_id) is None


def test_a_long_prompt_that_fits_is_answered(stack: Stack) -> None:
    """More bytes than the context has tokens, and yet it fits."""
    long = [{"role": "user", "content": "international understanding " * 200}]
    answer = ask(stack, messages=long, max_tokens=2)
    assert 400 < answer.usage.prompt_tokens < 2_000


def test_paraphrases_are_nearer_than_strangers(stack: Stack) -> None:
    """Cosine similarity means what it should."""
    texts = [
        "A cat sits on the mat.",
        "A kitten is resting on a rug.",
        "Interest rates rose by half a percent.",
    ]
    answer = stack.client.embeddings.create(model=EMBED, input=texts)
    one, two, three = (np.array(row.embedding) for row in answer.data)
    assert one @ two > one @ three + 0.2
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 20


def test_embeddings_have_unit_length_and_keep_their_order(stack: Stack) -> None:
    """A hundred texts of many lengths come back in order, each as if it were alone."""
    texts = [f"number {i} " * (1 + i % 7) for i in range(100)]
    rows = stack.client.embeddings.create(model=EMBED, input=texts).data
    assert [row.index for row in rows] == list(range(100))
    vectors = np.array([row.embedding for row in rows])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for i in (0, 41, 99):
        alone = stack.client.embeddings.create(model=EMBED, input=texts[i]).data[0].embedding
        assert vectors[i] @ np.array(alone) > 0.99


def test_base64_is_the_same_vector(stack: Stack) -> None:
    """Little-endian float32 behind base64."""
    raw = stack.client.post(
        "/embeddings",
        body={"model": EMBED, "input": "hello", "encoding_format": "base64"},
        cast_to=object,
    )
    packed = base64.b64decode(raw["data"][0]["embedding"])  # type: ignore[index]
    plain = stack.client.embeddings.create(model=EMBED, input="hello", encoding_format="float")
    assert np.allclose(struct.unpack("<384f", packed), plain.data[0].embedding, atol=1e-6)


def test_dimensions_shorten_and_renormalise(stack: Stack) -> None:
    """Fewer dimensions, of unit length again; more than the model has is a 400."""
    short = stack.client.embeddings.create(model=EMBED, input="hello", dimensions=64)
    vector = np.array(short.data[0].embedding)
    assert vector.shape == (64,)
    assert abs(np.linalg.norm(vector) - 1) < 1e-5
    with pytest.raises(openai.BadRequestError) as refused:
        stack.client.embeddings.create(model=EMBED, input="hello", dimensions=500)
    assert refused.value.param == "dimensions"


def test_token_ids_are_the_text_they_stand_for(stack: Stack) -> None:
    """Ids of the model's tokenizer give the vector of their text."""
    text = stack.client.embeddings.create(model=EMBED, input="hello world")
    ids = stack.client.embeddings.create(model=EMBED, input=[7592, 2088])
    one, two = (np.array(answer.data[0].embedding) for answer in (text, ids))
    assert one @ two > 0.999


def test_a_text_beyond_the_models_length_is_a_400(stack: Stack) -> None:
    """The message names the input and both counts."""
    with pytest.raises(openai.BadRequestError) as refused:
        stack.client.embeddings.create(model=EMBED, input=["short", "word " * 600])
    assert refused.value.param == "input[1]"
    assert "602" in refused.value.message
    assert "512" in refused.value.message


def test_timings_tell_where_the_time_went(stack: Stack) -> None:
    """Whole and in a stream's last chunk, under llama-server's names."""
    whole = ask(stack, extra_body={"timings_per_token": True})
    *_, last = ask(stack, stream=True, extra_body={"timings": True})
    for answer in (whole, last):
        timings = answer.model_extra["timings"]
        assert timings["prompt_n"] + timings["cache_n"] == 40
        assert timings["predicted_n"] > 0
        assert timings["predicted_ms"] > 0
    assert "timings" not in ask(stack).model_extra


def test_an_answer_that_is_not_done_in_time_is_a_504(stack: Stack) -> None:
    """The deadline is the job's: its slot is free again."""
    with pytest.raises(openai.InternalServerError) as late:
        ask(
            stack,
            model="slow",
            messages=[{"role": "user", "content": "word " * 400}],
            max_tokens=2_000,
            extra_body={"timeout_s": 1},
        )
    assert late.value.status_code == 504
    assert late.value.code == "deadline_exceeded"


def test_the_models_are_listed_and_found(stack: Stack) -> None:
    """The list has every model of the catalog, and each can be asked for by its id."""
    listed = stack.client.models.list().data
    assert [model.id for model in listed] == [CHAT, EMBED, "echo", "slow"]
    assert all(stack.client.models.retrieve(model.id) == model for model in listed)
    assert all(model.created > 0 for model in listed)


@pytest.mark.parametrize("call", ["chat", "embed", "retrieve"])
def test_an_unknown_model_is_a_404(stack: Stack, call: str) -> None:
    """With OpenAI's code, wherever a model is named."""
    calls: dict[str, Callable[[], object]] = {
        "chat": lambda: ask(stack, model="gpt-9"),
        "embed": lambda: stack.client.embeddings.create(model="gpt-9", input="x"),
        "retrieve": lambda: stack.client.models.retrieve("gpt-9"),
    }
    with pytest.raises(openai.NotFoundError) as unknown:
        calls[call]()
    assert unknown.value.code == "model_not_found"
    assert unknown.value.param == "model"
