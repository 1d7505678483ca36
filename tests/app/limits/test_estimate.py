"""What a job is taken for before anybody has counted its tokens."""

from __future__ import annotations

from typing import Any

from app.limits.estimate import ANSWER_TOKENS, IMAGE_TOKENS, Estimate, estimate
from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Image, Message, Tool

CONTEXT = 2048


def chat(content: str = "12345678", **fields: Any) -> ChatJob:
    """A chat of one message."""
    least: dict[str, Any] = {"id": "j", "model": "m", "messages": (Message("user", content),)}
    return ChatJob(**(least | fields))


def test_four_bytes_are_a_token_and_a_part_of_them_too() -> None:
    """Of every text by itself."""
    assert estimate(EmbedJob(id="j", model="m", texts=("12345", "é")), CONTEXT).tokens == 2 + 1


def test_ids_are_counted_as_they_are() -> None:
    """They are tokens."""
    assert estimate(EmbedJob(id="j", model="m", tokens=((1, 2, 3), (4,))), CONTEXT).tokens == 4


def test_every_choice_may_be_as_long_as_was_asked_for() -> None:
    """The prompt is computed once, its choices each for itself."""
    assert estimate(chat(n=3, max_tokens=100), CONTEXT) == Estimate(2, asked=300)


def test_no_answer_is_longer_than_the_context() -> None:
    """Whatever was asked for."""
    assert estimate(chat(max_tokens=1_000_000), CONTEXT).asked == CONTEXT


def test_an_answer_without_a_limit_is_guessed() -> None:
    """It is nothing that the request named."""
    expected = estimate(chat(), CONTEXT)
    assert (expected.named, expected.tokens) == (2, 2 + ANSWER_TOKENS)
    assert estimate(chat(), 100).more == 100


def test_tools_and_pictures_are_part_of_the_prompt() -> None:
    """A tool's schema as text, a picture as so many tokens."""
    tool = Tool("abcd", "efgh", '{"a":1}1')
    picture = Message("user", "12345678", images=(Image(0, b"a picture"),))
    assert estimate(chat(tools=(tool,)), CONTEXT).prompt == 2 + 1 + 1 + 2
    assert estimate(chat(messages=(picture,)), CONTEXT).prompt == 2 + IMAGE_TOKENS


def test_every_prompt_of_a_completion_has_its_own_answers() -> None:
    """Two prompts of two choices are four answers."""
    job = CompletionJob(id="j", model="m", texts=("1234", "1234"), n=2, max_tokens=10)
    assert estimate(job, CONTEXT) == Estimate(2, asked=40)
