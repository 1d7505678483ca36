"""Completions of prompts, and their tokens, from the real models."""

from __future__ import annotations

import re
from typing import Any

import httpx2 as httpx

from tests.acceptance.stack import Stack
from tests.acceptance.test_openai_client import ASK, CHAT, EMBED, ask


def complete(stack: Stack, prompt: Any = "The capital of France is", **changes: Any) -> Any:
    """A greedy completion of the real model."""
    fields: dict[str, Any] = {"model": CHAT, "prompt": prompt, "temperature": 0} | changes
    # Equal requests have equal answers without it: docs/use.md says why.
    fields["extra_body"] = {"cache_prompt": False} | fields.get("extra_body", {})
    return stack.client.completions.create(**fields)


def test_a_completion(stack: Stack) -> None:
    """16 tokens unless asked for otherwise, no template around the prompt; streamed the same."""
    answer = complete(stack)
    [choice] = answer.choices
    assert "Paris" in choice.text
    assert choice.finish_reason == "length"
    assert answer.usage.completion_tokens == 16
    assert answer.usage.prompt_tokens < 10
    chunks = list(complete(stack, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].text for c in chunks if c.choices) == choice.text
    assert chunks[-1].usage == answer.usage


def test_many_prompts_are_completed_at_once(stack: Stack) -> None:
    """Each prompt's choices in its place, as if it were alone; ids are as good as their text."""
    prompts = ["The capital of France is", "One, two, three,"]
    both = complete(stack, prompts, n=2)
    alone = [complete(stack, prompt).choices[0].text for prompt in prompts]
    assert [choice.index for choice in both.choices] == [0, 1, 2, 3]
    assert [choice.text for choice in both.choices] == [alone[0]] * 2 + [alone[1]] * 2
    ids = tokens(stack, content=prompts[0])
    assert complete(stack, ids).choices[0].text == alone[0]


def test_an_echoed_prompt_has_log_probabilities(stack: Stack) -> None:
    """As harnesses ask for them: the prompt alone, each token with its value but the first."""
    prompt = "The capital of France is Paris."
    answer = complete(stack, prompt, max_tokens=0, echo=True, logprobs=2)
    told = answer.choices[0].logprobs
    assert answer.choices[0].text == "".join(told.tokens) == prompt
    assert told.token_logprobs[0] is None
    assert all(value <= 0 for value in told.token_logprobs[1:])
    assert all(
        prompt[at:].startswith(t) for t, at in zip(told.tokens, told.text_offset, strict=True)
    )
    assert all(2 <= len(top) <= 3 for top in told.top_logprobs[1:])
    assert answer.usage.completion_tokens == 0


def test_a_completion_keeps_its_grammar(stack: Stack) -> None:
    """And its stop string, without one."""
    answer = complete(stack, extra_body={"grammar": 'root ::= " " [0-9]+ "."'}, max_tokens=30)
    assert re.fullmatch(r" \d+\.?", answer.choices[0].text)
    assert (
        complete(stack, stop="Paris").choices[0].text
        == (complete(stack).choices[0].text.partition("Paris")[0])
    )


def tokens(stack: Stack, **fields: Any) -> Any:
    """The token ids of a text."""
    answer = httpx.post(f"{stack.url}/tokenize", json={"model": CHAT} | fields, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["tokens"]


def test_a_text_goes_to_tokens_and_back(stack: Stack) -> None:
    """The ids stand for the text, their pieces put together are it, and they are what counts."""
    text = "hello 水 wörld 🌊"
    ids = tokens(stack, content=text)
    back = httpx.post(f"{stack.url}/detokenize", json={"model": CHAT, "tokens": ids}, timeout=30)
    assert back.json() == {"content": text}
    pieces = [entry["piece"] for entry in tokens(stack, content=text, with_pieces=True)]
    joined = b"".join(p.encode() if isinstance(p, str) else bytes(p) for p in pieces)
    assert joined.decode() == text
    assert complete(stack, text, max_tokens=1).usage.prompt_tokens == len(ids)


def test_a_conversations_tokens_are_what_usage_counts(stack: Stack) -> None:
    """vLLM's form of the question, through the model's template."""
    assert len(tokens(stack, messages=ASK)) == ask(stack, max_tokens=1).usage.prompt_tokens


def test_an_embedding_models_tokens_are_what_usage_counts(stack: Stack) -> None:
    """Its markers are among them."""
    ids = tokens(stack, model=EMBED, content="hello world")
    usage = stack.client.embeddings.create(model=EMBED, input="hello world").usage
    assert ids[1:-1] == [7592, 2088]
    assert len(ids) == usage.prompt_tokens
