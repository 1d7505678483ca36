"""Batches as a user has them: the ``openai`` client, real models, and deaths on the way."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import httpx2 as httpx
import numpy as np
import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from openai.types import Batch

from tests.acceptance.stack import Stack
from tests.acceptance.test_disconnect import wait_for

CHAT: Literal["/v1/chat/completions"] = "/v1/chat/completions"
EMBEDDINGS: Literal["/v1/embeddings"] = "/v1/embeddings"


def line(custom_id: str, url: str, body: dict[str, Any], **changes: Any) -> str:
    """A line of an input file."""
    return json.dumps(
        {"custom_id": custom_id, "method": "POST", "url": url, "body": body} | changes
    )


def chat_line(custom_id: str, text: str, model: str = "echo", **more: Any) -> str:
    """A line that asks ``model`` something."""
    body = {"model": model, "messages": [{"role": "user", "content": text}]} | more
    return line(custom_id, CHAT, body)


def embed_line(custom_id: str, texts: str | Sequence[str], **more: Any) -> str:
    """A line that wants vectors."""
    return line(custom_id, EMBEDDINGS, {"model": "minilm-l6", "input": texts} | more)


def uploaded(client: OpenAI, lines: Iterable[str], purpose: Any = "batch") -> str:
    """The id of a file that holds ``lines``."""
    content = "".join(f"{each}\n" for each in lines).encode()
    return client.files.create(file=("in.jsonl", io.BytesIO(content)), purpose=purpose).id


def begun(stack: Stack, lines: Iterable[str], endpoint: Any = CHAT, **more: Any) -> Batch:
    """A batch over ``lines``."""
    return stack.client.batches.create(
        input_file_id=uploaded(stack.client, lines),
        endpoint=endpoint,
        completion_window="24h",
        **more,
    )


def ended(stack: Stack, batch: Batch, timeout_s: float = 60) -> Batch:
    """The batch when it has ended."""
    over = {"completed", "failed", "expired", "cancelled"}
    wait_for(lambda: stack.client.batches.retrieve(batch.id).status in over, timeout_s)
    return stack.client.batches.retrieve(batch.id)


def rows(stack: Stack, file_id: str | None) -> dict[str, Any]:
    """The lines of a file of results, by custom_id; each is there once."""
    if file_id is None:
        return {}
    lines = [json.loads(each) for each in stack.client.files.content(file_id).text.splitlines()]
    found = {each["custom_id"]: each for each in lines}
    assert len(found) == len(lines)
    return found


def test_a_batch_of_chats(stack: Stack) -> None:
    """A real model answers every line; what comes back is what the endpoint itself answers."""
    texts = {f"q{number}": f"Count from {number}." for number in range(12)}
    lines = [chat_line(key, text, "smollm2-135m", max_tokens=8) for key, text in texts.items()]
    batch = ended(stack, begun(stack, lines))
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert (batch.request_counts.total, batch.request_counts.completed) == (12, 12)
    found = rows(stack, batch.output_file_id)
    assert set(found) == set(texts)
    answer = found["q3"]["response"]
    assert answer["status_code"] == 200
    assert answer["body"]["object"] == "chat.completion"
    assert answer["body"]["choices"][0]["message"]["content"]
    assert batch.usage is not None
    assert batch.usage.total_tokens == sum(
        each["response"]["body"]["usage"]["total_tokens"] for each in found.values()
    )


def test_a_batch_of_embeddings(stack: Stack) -> None:
    """Every text's vector is the one that it gets when it is sent alone."""
    texts = [f"Text {n} of the mill: " + "water " * (n * 7 % 40) for n in range(300)]
    lines = [embed_line(f"t{number}", text) for number, text in enumerate(texts)]
    batch = ended(stack, begun(stack, lines, EMBEDDINGS))
    assert batch.status == "completed"
    found = rows(stack, batch.output_file_id)
    assert len(found) == len(texts)
    for number in (0, 7, 299):
        alone = stack.client.embeddings.create(model="minilm-l6", input=texts[number])
        body = found[f"t{number}"]["response"]["body"]
        assert np.allclose(body["data"][0]["embedding"], alone.data[0].embedding, atol=1e-4)
        assert body["usage"]["prompt_tokens"] == alone.usage.prompt_tokens


def test_lines_with_many_inputs(stack: Stack) -> None:
    """A line's vectors come in the order of its inputs, and with its own usage."""
    texts = ["one", "two of them, and longer", "three"]
    lines = [embed_line("many", texts), embed_line("short", texts, dimensions=8)]
    found = rows(stack, ended(stack, begun(stack, lines, EMBEDDINGS)).output_file_id)
    alone = stack.client.embeddings.create(model="minilm-l6", input=texts)
    body = found["many"]["response"]["body"]
    assert [each["index"] for each in body["data"]] == [0, 1, 2]
    got = np.array([each["embedding"] for each in body["data"]])
    assert np.allclose(got, [each.embedding for each in alone.data], atol=1e-4)
    assert body["usage"]["total_tokens"] == alone.usage.total_tokens
    assert len(found["short"]["response"]["body"]["data"][2]["embedding"]) == 8


def test_what_a_model_refuses_is_in_the_error_file(stack: Stack) -> None:
    """One text is too long: its line fails, the others are whole."""
    lines = [embed_line(f"t{number}", f"text {number}") for number in range(40)]
    lines[17] = embed_line("t17", "word " * 2000)
    batch = ended(stack, begun(stack, lines, EMBEDDINGS))
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert (batch.request_counts.completed, batch.request_counts.failed) == (39, 1)
    [bad] = rows(stack, batch.error_file_id).values()
    assert (bad["custom_id"], bad["response"]["status_code"]) == ("t17", 400)
    assert bad["response"]["body"]["error"]["code"] == "context_length_exceeded"
    assert set(rows(stack, batch.output_file_id)) == {f"t{n}" for n in range(40)} - {"t17"}


MALFORMED: dict[str, tuple[list[str], str, int | None]] = {
    "bad JSON": ([chat_line("a", "hi"), "{no", chat_line("c", "hi")], "invalid_json_line", 2),
    "a custom_id twice": ([chat_line("a", "hi"), chat_line("a", "ho")], "duplicate_custom_id", 2),
    "another url": ([chat_line("a", "hi"), embed_line("b", "hi")], "url_mismatch", 2),
    "an empty file": ([], "empty_file", None),
    "an unknown model": ([chat_line("a", "hi", "nobody")], "model_not_found", 1),
    "a stream": ([chat_line("a", "hi", stream=True)], "unsupported_value", 1),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_input_fails_with_its_line(stack: Stack, what: str) -> None:
    """The batch fails before anything is computed, and says which line is wrong and why."""
    lines, code, number = MALFORMED[what]
    batch = ended(stack, begun(stack, lines))
    assert batch.status == "failed"
    assert batch.failed_at is not None
    assert batch.errors is not None
    assert batch.errors.data
    assert (batch.errors.data[0].code, batch.errors.data[0].line) == (code, number)
    assert batch.errors.data[0].message
    assert (batch.output_file_id, batch.error_file_id) == (None, None)


def test_too_many_lines_fail(stack: Stack) -> None:
    """The 50,001st line is one too many."""
    lines = (chat_line(str(number), "hi") for number in range(50_001))
    batch = ended(stack, begun(stack, lines))
    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert "50000" in (batch.errors.data[0].message or "").replace(",", "")


def test_a_file_of_another_purpose_is_refused(stack: Stack) -> None:
    """Only files that were uploaded for batches are read as such."""
    file_id = uploaded(stack.client, [chat_line("a", "hi")], purpose="user_data")
    with pytest.raises(BadRequestError) as refusal:
        stack.client.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window="24h")
    assert refusal.value.param == "input_file_id"


def test_a_deleted_input_is_refused(stack: Stack) -> None:
    """A batch cannot be made of a file that is gone."""
    file_id = uploaded(stack.client, [chat_line("a", "hi")])
    stack.client.files.delete(file_id)
    with pytest.raises((BadRequestError, NotFoundError)) as refusal:
        stack.client.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window="24h")
    assert refusal.value.param == "input_file_id"


def test_an_input_that_is_deleted_meanwhile_is_read_to_its_end(stack: Stack) -> None:
    """Scripts clean up as soon as the batch is made."""
    file_id = uploaded(stack.client, [chat_line(str(n), "hello", "slow") for n in range(8)])
    batch = stack.client.batches.create(
        input_file_id=file_id, endpoint=CHAT, completion_window="24h"
    )
    stack.client.files.delete(file_id)
    batch = ended(stack, batch)
    assert (batch.status, len(rows(stack, batch.output_file_id))) == ("completed", 8)


def test_cancelling_keeps_what_is_finished(stack: Stack) -> None:
    """Every line is in one of the two files: finished, or cancelled."""
    lines = [chat_line(str(number), "a sentence of some words", "slow") for number in range(200)]
    batch = begun(stack, lines)

    def some_done() -> bool:
        counts = stack.client.batches.retrieve(batch.id).request_counts
        return counts is not None and counts.completed > 0

    wait_for(some_done, 30)
    assert stack.client.batches.cancel(batch.id).status in ("cancelling", "cancelled")
    batch = ended(stack, batch)
    assert batch.status == "cancelled"
    done, left = rows(stack, batch.output_file_id), rows(stack, batch.error_file_id)
    assert done
    assert {each["error"]["code"] for each in left.values() if each["error"]} == {"batch_cancelled"}
    assert sorted([*done, *left], key=int) == [str(number) for number in range(200)]


def test_an_expired_batch_says_what_was_not_done(stack: Stack) -> None:
    """When the window is over the rest of the lines end as expired, each once."""
    lines = [chat_line(str(number), "a sentence of some words", "slow") for number in range(300)]
    file_id = uploaded(stack.client, lines)
    window: Any = "4s"
    batch = stack.client.batches.create(
        input_file_id=file_id, endpoint=CHAT, completion_window=window
    )
    batch = ended(stack, batch)
    assert batch.status == "expired"
    assert batch.expired_at is not None
    done, left = rows(stack, batch.output_file_id), rows(stack, batch.error_file_id)
    assert {each["error"]["code"] for each in left.values() if each["error"]} == {"batch_expired"}
    assert sorted([*done, *left], key=int) == [str(number) for number in range(300)]


def test_batches_are_listed(stack: Stack) -> None:
    """Newest first, with metadata as it was sent."""
    first = begun(stack, [chat_line("a", "hi")], metadata={"night": "1"})
    second = begun(stack, [chat_line("a", "hi")])
    page = stack.client.batches.list(limit=2)
    assert [each.id for each in page.data] == [second.id, first.id]
    assert page.data[1].metadata == {"night": "1"}
    ended(stack, first)
    ended(stack, second)


def test_a_file_s_life(stack: Stack) -> None:
    """Uploaded, listed, read back byte for byte, deleted, gone."""
    content = bytes(range(256)) * 4096
    client = stack.client
    file = client.files.create(file=("any thing.bin", content), purpose="user_data")
    assert (file.bytes, file.filename, file.purpose) == (len(content), "any thing.bin", "user_data")
    assert file.id in [each.id for each in client.files.list(purpose="user_data")]
    assert client.files.content(file.id).content == content
    assert client.files.delete(file.id).deleted
    with pytest.raises(NotFoundError):
        client.files.retrieve(file.id)


def counts_of(stack: Stack, batch: Batch) -> int:
    """How many lines are done."""
    counts = stack.client.batches.retrieve(batch.id).request_counts
    return 0 if counts is None else counts.completed


DEATHS: dict[str, Callable[[Stack], object]] = {
    "the keeper": lambda stack: stack.kill("app.keeper"),
    "the worker": lambda stack: stack.kill("-Q chat.slow"),
    "the queue's Redis": lambda stack: stack.kill_redis(),
}


@pytest.mark.parametrize("who", DEATHS)
def test_a_death_on_the_way_loses_and_doubles_no_line(stack: Stack, who: str) -> None:
    """Whoever is killed: the batch completes, every line is answered once and rightly."""
    lines = [chat_line(str(n), f"word {n} and some more of them", "slow") for n in range(60)]
    batch = begun(stack, lines)
    wait_for(lambda: counts_of(stack, batch) > 0, 30)
    DEATHS[who](stack)
    stack.wait_ready()
    wait_for(lambda: reachable(stack), 30)
    batch = ended(stack, batch, 90)
    assert batch.status == "completed"
    found = rows(stack, batch.output_file_id)
    assert sorted(found, key=int) == [str(number) for number in range(60)]
    for number, row in found.items():
        said = row["response"]["body"]["choices"][0]["message"]["content"]
        assert f"word {number} and" in said


def reachable(stack: Stack) -> bool:
    """Whether the API answers for its Redis."""
    try:
        return httpx.get(f"{stack.url}/v1/batches", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_counts_grow_while_it_runs(stack: Stack) -> None:
    """Who polls sees the batch advance, and never go back."""
    lines = [chat_line(str(number), "a sentence of some words", "slow") for number in range(80)]
    batch = begun(stack, lines)
    seen: list[int] = []
    give_up_at = time.monotonic() + 60
    while not seen or seen[-1] < 80:
        assert time.monotonic() < give_up_at
        seen.append(counts_of(stack, batch))
        time.sleep(0.3)
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    ended(stack, batch)
