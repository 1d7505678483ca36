"""Many streams at once: every answer complete, in order, its own."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2 as httpx
import pytest

from tests.acceptance.stack import Stack


class Answer:
    """A stream as it came over the wire."""

    def __init__(self, url: str, **body: Any) -> None:
        self.text = ""
        self.ids: list[int] = []
        self.ended = ""
        self.finish_reason: str | None = None
        self.error: dict[str, Any] | None = None
        request = {"stream": True, "stream_options": {"include_usage": True}} | body
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=request, timeout=90) as wire:
            self.headers = wire.headers
            for line in wire.iter_lines():
                self._read(line)

    def _read(self, line: str) -> None:
        if line.startswith("id: "):
            self.ids.append(int(line[4:]))
        if not line.startswith("data: "):
            return
        if line == "data: [DONE]":
            self.ended = line
            return
        chunk = json.loads(line[6:])
        self.error = chunk.get("error", self.error)
        for choice in chunk.get("choices", ()):
            self.text += choice["delta"].get("content") or ""
            self.finish_reason = choice["finish_reason"] or self.finish_reason
        self.usage = chunk.get("usage")

    def assert_whole(self) -> None:
        """It has an end, no error, and sequence numbers without a gap."""
        assert self.error is None
        assert self.ended
        assert self.ids == list(range(1, len(self.ids) + 1))


def at_once(count: int, one: Callable[[int], Answer]) -> list[Answer]:
    """``count`` answers, asked for together."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_a_stream_is_an_event_stream_at_once(stack: Stack) -> None:
    """Headers that proxies respect, the job's id, and ids from 1 without a gap."""
    answer = Answer(stack.url, model="echo", messages=[{"role": "user", "content": "hi"}])
    answer.assert_whole()
    assert answer.text == "hi"
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    assert answer.headers["x-accel-buffering"] == "no"
    assert stack.ledger.state(answer.headers["x-request-id"]) == "done"


def test_thirty_two_echo_streams_are_each_their_own(stack: Stack) -> None:
    """Thirty-two texts at once come back whole."""
    texts = [" ".join(f"{i}-{k}" for k in range(200)) for i in range(32)]

    def one(i: int) -> Answer:
        message = {"role": "user", "content": texts[i]}
        return Answer(stack.url, model="echo", messages=[message])

    answers = at_once(32, one)
    for answer, text in zip(answers, texts, strict=True):
        answer.assert_whole()
        assert answer.text == text


# Token ids of SmolLM2 and the text of each: what a sequence is made to say shows whose it is.
FORCED = {1780: "What", 504: "The", 2683: "You"}


def test_eight_streams_of_the_real_model_are_each_their_own(stack: Stack) -> None:
    """Each of eight sequences that are forced to one token says that token and no other."""
    tokens = list(itertools.islice(itertools.cycle(FORCED.items()), 8))

    def one(i: int) -> Answer:
        return Answer(
            stack.url,
            model="smollm2-135m",
            messages=[{"role": "user", "content": f"Request {i}. " * (1 + 5 * i)}],
            max_tokens=30 + i,
            logit_bias={str(tokens[i][0]): 100},
            ignore_eos=True,
        )

    for i, answer in enumerate(at_once(8, one)):
        answer.assert_whole()
        assert answer.text == tokens[i][1] * (30 + i)
        assert answer.finish_reason == "length"
        assert answer.usage is not None
        assert answer.usage["completion_tokens"] == 30 + i


def test_eight_different_questions_are_answered_as_alone(stack: Stack) -> None:
    """The greedy beginning of each answer is the one that it has alone.

    Only the beginning: in a batch of another size the same numbers are rounded differently.
    """
    subjects = ["water", "queues", "Paris", "music", "bread", "trees", "maps", "glass"]

    def one(i: int) -> Answer:
        return Answer(
            stack.url,
            model="smollm2-135m",
            messages=[{"role": "user", "content": f"Write one sentence about {subjects[i]}."}],
            max_tokens=24,
            temperature=0,
        )

    together = at_once(8, one)
    same = 0
    for i, answer in enumerate(together):
        answer.assert_whole()
        same += one(i).text[:12] == answer.text[:12]
    assert same >= 6


def test_more_requests_than_slots_wait_and_are_answered(stack: Stack) -> None:
    """Twelve streams on four slots: those that wait are kept alive with comments."""
    content = " ".join(map(str, range(12)))

    def one(i: int) -> Answer:
        message = {"role": "user", "content": f"{i}: {content}"}
        return Answer(stack.url, model="slow", messages=[message])

    for i, answer in enumerate(at_once(12, one)):
        answer.assert_whole()
        assert answer.text == f"{i}: {content}"


@pytest.mark.parametrize(
    "text", ["žluťoučký kůň 🐎", "日本語のテキスト", "e\u0301 \U0001f469\u200d\U0001f680"]
)
def test_characters_are_never_torn(stack: Stack, text: str) -> None:
    """Every chunk is valid UTF-8, and together they are the text."""
    answer = Answer(stack.url, model="echo", messages=[{"role": "user", "content": text}])
    assert answer.text == text
