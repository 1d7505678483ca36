"""The echo runtime: which answer it gives, where it goes on, and how fast."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from tasks.jobs import Message, Sampling
from tests.worker.runtimes.conversation import generate, prompt, text
from worker.runtimes.base import Feed
from worker.runtimes.echo import EchoChat, EchoEmbed


@given(st.text(min_size=1, max_size=200))
def test_last_user_message_comes_back(message: str) -> None:
    """The answer is the last user message to the letter, then the end."""
    chat = EchoChat(slots=1, context=4096)
    tokens = chat.prompt([Message("user", "first"), Message("user", message), Message("tool", "x")])
    answer = generate(chat, tokens, count=1000)
    assert chat.ends(answer[-1])
    assert text(chat, answer) == message.encode("utf-8", "replace").decode()


@given(st.text(min_size=4, max_size=60), st.data())
def test_answer_goes_on_where_it_stopped(message: str, data: st.DataObject) -> None:
    """In another process, an answer's rest follows its beginning, wherever it was cut."""
    chat, other = EchoChat(slots=1, context=4096), EchoChat(slots=2, context=4096)
    whole = generate(chat, prompt(chat, message), count=1000)
    cut = data.draw(st.integers(0, len(whole) - 1))
    rest = generate(other, prompt(other, message), count=1000, slot=1, history=whole[:cut])
    assert whole[:cut] + rest == whole


def test_plain_tokens_are_said_back() -> None:
    """A prompt that no template made is answered with itself."""
    chat = EchoChat(slots=1, context=64)
    tokens = chat.tokenize("raw text")
    assert text(chat, generate(chat, tokens, count=9)) == "raw text"
    whole = generate(chat, tokens, count=9)
    assert generate(chat, tokens, count=9, history=whole[:1]) == whole[1:]


def test_without_an_end_it_repeats() -> None:
    """With ``ban_end`` the message comes again and again; an empty one becomes dots."""
    chat = EchoChat(slots=1, context=64)
    assert text(chat, generate(chat, prompt(chat, "abc"), count=3, ban_end=True)) == "abcabcabc"
    assert text(chat, generate(chat, prompt(chat, ""), count=3, ban_end=True)) == "..."
    assert text(chat, generate(chat, chat.prompt([Message("system", "x")]), count=3)) == ""


def test_markup_becomes_control_tokens() -> None:
    """Markup is text, or control tokens where that is asked for."""
    chat = EchoChat(slots=1, context=64)
    assert chat.ends(chat.tokenize("<|end|>", special=True)[0])
    assert text(chat, chat.tokenize("a<|end|>b")) == "a<|end|>b"
    answered = generate(chat, chat.tokenize("<|role|>user<|content|>q<|answer|>", special=True))
    assert text(chat, answered) == "q"


def test_speed_is_per_slot() -> None:
    """Twenty steps at 200 tokens/s take a tenth of a second, also with both slots at once."""
    chat = EchoChat(slots=2, context=512, tokens_per_s=200)
    tokens = prompt(chat, "x" * 100)
    for slot in range(2):
        chat.open(slot, Sampling(), seed=1)
    feeds = [Feed(slot, tokens, sample=True) for slot in range(2)]
    began_s = time.monotonic()
    for _ in range(20):
        feeds = [Feed(e.slot, [e.token], sample=True) for e in chat.decode(feeds)]
    assert 0.09 < time.monotonic() - began_s < 1


def test_vectors_are_those_of_the_tokens() -> None:
    """Equal texts have equal vectors in every process; others have unrelated ones."""
    first, second = EchoEmbed(context=64), EchoEmbed(context=64)
    same, other = first.embed(first.tokenize(["a", "b"]))
    assert (second.embed(second.tokenize(["a"]))[0] == same).all()
    assert abs(float(same @ other)) < 0.3
