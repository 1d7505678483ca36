"""What every chat runtime promises of the memory that outlives an answer, and of guesses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.runtimes.conversation import GREEDY, generate, go_on, prompt, start
from worker.runtimes.base import ChatRuntime, Feed
from worker.runtimes.echo import EchoChat


@pytest.fixture(params=["llama", "echo"])
def guessing(request: pytest.FixtureRequest) -> Iterator[ChatRuntime]:
    """Every chat runtime, taking four guesses at once."""
    if request.param == "echo":
        yield EchoChat(slots=2, context=512, guesses=4)
        return
    path: Path = request.getfixturevalue("smollm2_path")
    from worker.runtimes.llama import LlamaRuntime

    runtime = LlamaRuntime(path, slots=2, context=512, guesses=4)
    yield runtime
    runtime.shutdown()


def test_memory_outlives_the_answer(chat: ChatRuntime) -> None:
    """A slot opened again goes on from the prefix that it kept."""
    tokens = prompt(chat, "Name three primary colors.")
    first = start(chat, 0, tokens)
    chat.close(0)
    assert chat.keep(0, len(tokens) - 3) == len(tokens) - 3
    assert go_on(chat, 0, tokens[-3:]) == first


def test_keeping_more_than_there_is_keeps_all(chat: ChatRuntime) -> None:
    """``keep`` tells how many tokens there are."""
    tokens = prompt(chat, "hello")
    start(chat, 0, tokens)
    assert chat.keep(0, 10**6) == len(tokens)
    chat.close(0)
    assert chat.keep(0, 0) == 0


def test_a_copy_goes_on_like_its_source(chat: ChatRuntime) -> None:
    """A prefix copied to another slot is as good as one computed there; the source goes on."""
    tokens = prompt(chat, "Name three primary colors.")
    whole = generate(chat, tokens, count=3)
    first = start(chat, 0, tokens)
    generate(chat, prompt(chat, "Something else entirely."), slot=2)
    assert chat.copy(0, 2, len(tokens) - 2) == len(tokens) - 2
    assert go_on(chat, 2, tokens[-2:]) == first == whole[0]
    (second,) = chat.decode([Feed(0, [first], sample=True)])
    assert second.token == whole[1]


def test_a_gap_between_slots_changes_nothing(chat: ChatRuntime) -> None:
    """An idle slot between two that run keeps its memory, and they get their own answers."""
    tokens = [prompt(chat, text) for text in ("Say hello.", "What is 2+2?", "Name a color.")]
    alone = [generate(chat, each, count=3) for each in tokens]
    firsts = [start(chat, slot, each) for slot, each in enumerate(tokens)]
    chat.close(1)
    for step in (1, 2):
        sampled = chat.decode([Feed(slot, [firsts[slot]], sample=True) for slot in (0, 2)])
        assert [each.token for each in sampled] == [alone[0][step], alone[2][step]]
        for each in sampled:
            firsts[each.slot] = each.token
    assert go_on(chat, 1, [firsts[1]]) == alone[1][1]


def test_right_guesses_give_several_tokens(guessing: ChatRuntime) -> None:
    """Guesses that are what comes anyway are drawn in one call, and one more."""
    tokens = prompt(guessing, "Name three primary colors.")
    answer = generate(guessing, tokens, count=6)
    first = start(guessing, 0, tokens)
    drawn = guessing.decode([Feed(0, [first, *answer[1:4]], sample=True, guessed=3)])
    assert [each.token for each in drawn] == answer[1:5]
    (last,) = guessing.decode([Feed(0, [answer[4]], sample=True)])
    assert last.token == answer[5]


def test_wrong_guesses_leave_no_trace(guessing: ChatRuntime) -> None:
    """What follows a wrong guess is as if nothing had been guessed."""
    tokens = prompt(guessing, "Name three primary colors.")
    answer = generate(guessing, tokens, count=5)
    (wrong,) = {*guessing.tokenize("mill")[:1]}
    first = start(guessing, 0, tokens)
    drawn = guessing.decode([Feed(0, [first, answer[1], wrong, wrong], sample=True, guessed=3)])
    assert [each.token for each in drawn] == answer[1:3]
    (third,) = guessing.decode([Feed(0, [answer[2]], sample=True)])
    assert third.token == answer[3]


def test_a_prompt_is_scored_token_by_token(chat: ChatRuntime) -> None:
    """Every token has a log probability after those before it, the first has none."""
    tokens = chat.tokenize("The capital of France is")
    chat.keep(0, 0)
    chat.open(0, GREEDY, seed=1, top_logprobs=2)
    chat.decode([Feed(0, tokens[:2], sample=False, scored=True)])
    head = chat.scored()[0]
    chat.decode([Feed(0, tokens[2:], sample=True, scored=True)])
    scores = head + chat.scored()[0]
    assert [score.token for score in scores] == tokens
    assert scores[0].logprob is None
    assert all(score.logprob is not None and score.logprob <= 0 for score in scores[1:])
