"""The batches that are played: every text another, and asked about as the row says."""

from __future__ import annotations

import json
import random
from typing import Any

from faults.work import CHAT, EMBED, Work, texts_of


def bodies(model: str, *, numbers: bool = True) -> list[dict[str, Any]]:
    """The bodies of a batch of two texts."""
    work = Work(model, "/v1/any", {"a": "one", "b": "two"}, 1.0, ["a"], numbers)
    lines = [json.loads(line) for line in work.lines()]
    assert [line["custom_id"] for line in lines] == ["a", "b"]
    return [line["body"] for line in lines]


def test_texts_are_all_different_and_the_same_for_a_seed() -> None:
    """Two that are equal would have equal vectors, whichever line got which."""
    texts = texts_of(500, random.Random(1))
    assert len(set(texts.values())) == 500
    assert texts == texts_of(500, random.Random(1))


def test_vectors_are_asked_for_as_numbers_or_as_base64() -> None:
    """Both forms are written by the server, and by different code."""
    assert [each["encoding_format"] for each in bodies(EMBED)] == ["float", "float"]
    assert bodies(EMBED, numbers=False)[0]["encoding_format"] == "base64"


def test_a_chat_is_asked_with_its_text() -> None:
    """The echo answers with it."""
    assert bodies(CHAT)[1]["messages"] == [{"role": "user", "content": "two"}]
