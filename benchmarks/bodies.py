"""What is asked, as bodies of requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.prompts import (
    CHAT_MODEL,
    ECHO_MODEL,
    ECHO_TEXT,
    EMBED_MODEL,
    SAMPLING,
    chat_jobs,
    new_seed,
    new_tokens,
    new_words,
)

SHARED_TOKENS, PREAMBLE_TOKENS = 32, 250
GAP_STREAMS, GAP_TOKENS = 4, 320
INTRUDER_TOKENS, INTRUDER_NEW_TOKENS = 1950, 8
LOOKUP_TOKENS = 192
CACHED_PARAGRAPHS = 4

_QUESTIONS = (
    "Which word came first?",
    "Which word is about food?",
    "Tell a story with these words.",
    "Name an animal among them.",
    "Which of these can be carried?",
    "Write a poem with them.",
    "Which words are about people?",
    "Explain what a miller would need.",
)
_PARAGRAPH = (
    "The miller opens the gate. The water turns the wheel, the wheel turns the stone, and the "
    "stone grinds the corn. The miller closes the gate."
)
SHARED_STREAMS = len(_QUESTIONS)
_SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "people": {
            "type": "array",
            # More than the answer has room for: it is cut off, and every answer is as long.
            "minItems": 40,
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
                "required": ["name", "age"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["title", "people"],
    "additionalProperties": False,
}


def chat_body(messages: list[dict[str, str]], tokens: int, **more: Any) -> str:
    """A request for a stream of exactly so many tokens, unless ``more`` says otherwise.

    ``min_p`` is stated because llama-server's default is not nothing; sampling is then alike.
    """
    asked: Mapping[str, Any] = {
        "model": CHAT_MODEL,
        "messages": messages,
        "temperature": SAMPLING.temperature,
        "top_k": SAMPLING.top_k,
        "top_p": SAMPLING.top_p,
        "min_p": 0,
        "max_tokens": tokens,
        "ignore_eos": True,
        "cache_prompt": False,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return json.dumps({**asked, **more})


def chat_bodies(streams: int, model: str = CHAT_MODEL, tokens: int | None = None) -> list[str]:
    """The jobs of ``prompts.chat_jobs`` as requests for streams, with seeds that nobody has seen.

    What was asked once before, to the letter, might be answered from a cache.
    """
    return [
        chat_body(
            [{"role": m.role, "content": m.content} for m in job.messages],
            tokens or new_tokens(streams),
            model=model,
            seed=new_seed(),
        )
        for job in chat_jobs(streams)
    ]


def shared_bodies() -> list[str]:
    """Requests with a preamble in common that is new from its first word on; caching allowed."""
    preamble = f"{new_words(PREAMBLE_TOKENS - 5)}. Read these words well."
    return [
        chat_body(
            [{"role": "system", "content": preamble}, {"role": "user", "content": question}],
            SHARED_TOKENS,
            cache_prompt=True,
            seed=new_seed(),
        )
        for question in _QUESTIONS
    ]


def gap_bodies() -> list[str]:
    """The streams that a long prompt disturbs."""
    return chat_bodies(GAP_STREAMS, tokens=GAP_TOKENS)


def intruder_body() -> str:
    """The long prompt, new from its first word on; it nearly fills its slot."""
    words = new_words(INTRUDER_TOKENS - 50)
    return chat_body([{"role": "user", "content": f"{words}. Go on."}], INTRUDER_NEW_TOKENS)


def lookup_body(model: str) -> str:
    """A task whose answer repeats its prompt: greedy, one stream."""
    task = f"Write this text again, word for word, five times:\n\n{new_words(3)}. {_PARAGRAPH}"
    return chat_body(
        [{"role": "user", "content": task}], LOOKUP_TOKENS, model=model, temperature=0, timings=True
    )


def constrained_bodies(streams: int) -> list[str]:
    """Answers that have to be JSON of a schema, as long as the free ones."""
    return [
        chat_body(
            [{"role": "user", "content": "List the people of a village as JSON."}],
            new_tokens(streams),
            seed=new_seed(),
            ignore_eos=False,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "village", "strict": True, "schema": _SCHEMA},
            },
        )
        for _ in range(streams)
    ]


def echo_body(*, stream: bool) -> str:
    """A request that costs no computing."""
    return json.dumps(
        {
            "model": ECHO_MODEL,
            "messages": [{"role": "user", "content": ECHO_TEXT}],
            "stream": stream,
        }
    )


def cached_bodies(number: int, *, stream: bool) -> list[str]:
    """Chats that are the same every time, and that the cache serves; an answer is its text."""
    paragraphs = " ".join([_PARAGRAPH] * CACHED_PARAGRAPHS)
    return [
        json.dumps(
            {
                "model": ECHO_MODEL,
                "messages": [{"role": "user", "content": f"{place:04d}. {paragraphs}"}],
                "temperature": 0,
                "stream": stream,
            }
        )
        for place in range(number)
    ]


def embed_body(inputs: list[str], model: str = EMBED_MODEL) -> str:
    """A request as OpenAI's own client sends it: vectors as base64."""
    return json.dumps({"model": model, "input": inputs, "encoding_format": "base64"})
