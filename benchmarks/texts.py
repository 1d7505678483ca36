"""Short texts to embed, many and no two alike, and the files of batches that ask for them. Pure.

They are drawn from a seed: whoever names the same number gets the same texts, so that a process of
its own computes what the stack was given.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from benchmarks.prompts import CHAT_MODEL, EMBED_MODEL

# With the two markers that the embedding model puts around them: 8 to 12 tokens.
LEAST_WORDS, MOST_WORDS = 6, 10
CHAT_LINES, CHAT_TOKENS = 500, 24
VARIABLE = "MILLRACE_BENCH_BATCH_TEXTS"
TEXTS = 100_000
_SEED = 6
# Each is one token of the embedding model.
_WORDS = (
    "north south east west spring autumn night day field barn flour grain rain snow wind fire",
    "house door roof wall floor garden kitchen street town city church school station harbor ship",
    "boat train wagon wheel horse cow dog cat bird fish apple bread butter milk honey salt tea",
    "gold silver iron wood glass cloth leather old new small large quiet loud green blue red white",
)


def wanted(environment: Mapping[str, str] = os.environ) -> int:
    """How many texts the batches have: 100,000, or what the environment says for a look."""
    return int(environment.get(VARIABLE, TEXTS))


def short_texts(number: int) -> list[str]:
    """The same so many texts every time, all different."""
    draw, known = random.Random(_SEED), " ".join(_WORDS).split()
    found: dict[str, None] = {}
    while len(found) < number:
        found[" ".join(draw.choices(known, k=draw.randint(LEAST_WORDS, MOST_WORDS)))] = None
    return list(found)


def embed_lines(texts: Iterable[str]) -> Iterator[bytes]:
    """A line of a batch's file for each text: it asks for the vector as numbers."""
    for place, text in enumerate(texts):
        body = {"model": EMBED_MODEL, "input": text}
        yield _line(place, "/v1/embeddings", body)


def chat_lines(number: int) -> Iterator[bytes]:
    """A line for each of so many short chats, which begin differently."""
    for place, text in enumerate(short_texts(number)):
        body = {
            "model": CHAT_MODEL,
            "messages": [{"role": "user", "content": f"{text}: tell me more."}],
            "max_tokens": CHAT_TOKENS,
            "ignore_eos": True,
        }
        yield _line(place, "/v1/chat/completions", body)


def custom_id(place: int) -> str:
    """What the line in this place, from 0 on, is known by."""
    return f"line-{place}"


def _line(place: int, url: str, body: Mapping[str, Any]) -> bytes:
    request = {"custom_id": custom_id(place), "method": "POST", "url": url, "body": body}
    return json.dumps(request).encode() + b"\n"
