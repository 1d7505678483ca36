"""What every chat runtime promises, held against each of them."""

from __future__ import annotations

import math

import pytest

from tasks.jobs import Message, Sampling
from tests.worker.runtimes.conversation import GREEDY, generate, prompt, text
from worker.runtimes.base import ChatRuntime, Feed


def test_text_survives_tokenizing(chat: ChatRuntime) -> None:
    """The pieces of a text's tokens are the text, whatever the script."""
    for sample in ("The mill turns.", "naïve café — 水車 🌊", "tabs\tand\n\nlines", ""):
        assert text(chat, chat.tokenize(sample)) == sample


def test_lone_surrogate_is_read(chat: ChatRuntime) -> None:
    """A lone surrogate and a NUL in a message make a prompt and no crash."""
    assert prompt(chat, "odd \ud800 text \x00 here")


def test_control_tokens_have_no_bytes(chat: ChatRuntime) -> None:
    """What the template adds around the text is not part of any text."""
    tokens = prompt(chat, "stone")
    assert b"" in {chat.piece(token) for token in tokens}


def test_greedy_repeats_itself(chat: ChatRuntime) -> None:
    """The same prompt at temperature 0 gives the same answer."""
    tokens = prompt(chat, "Name three primary colors.")
    assert generate(chat, tokens) == generate(chat, tokens)


def test_prompt_in_chunks_is_the_same_prompt(chat: ChatRuntime) -> None:
    """A prompt fed in three calls is answered like one fed at once (first tokens; rounding)."""
    tokens = prompt(chat, "Name three primary colors.")
    whole = generate(chat, tokens, count=4)
    chat.keep(1, 0)
    chat.open(1, GREEDY, seed=1)
    assert chat.decode([Feed(1, tokens[:7], sample=False)]) == []
    assert chat.decode([Feed(1, tokens[7:9], sample=False)]) == []
    (first,) = chat.decode([Feed(1, tokens[9:], sample=True)])
    (second,) = chat.decode([Feed(1, [first.token], sample=True)])
    assert [first.token, second.token] == whole[:2]


def test_interleaved_slots_answer_as_alone(chat: ChatRuntime) -> None:
    """Prompts that share batches get the answers that they get alone (clear cases, 5 tokens)."""
    questions = ["Name three primary colors.", "What is 2+2?", "Say hello."]
    prompts = [prompt(chat, question) for question in questions]
    alone = [generate(chat, tokens, count=5) for tokens in prompts]
    for slot in range(3):
        chat.keep(slot, 0)
        chat.open(slot, GREEDY, seed=slot)
    answers: list[list[int]] = [[], [], []]
    feeds = [Feed(slot, tokens, sample=True) for slot, tokens in enumerate(prompts)]
    # Slot 2 joins late and in front, as the engine may place it.
    late, feeds = feeds[2], feeds[:2]
    for step in range(5):
        if step == 1:
            feeds.insert(0, late)
        sampled = chat.decode(feeds)
        for each in sampled:
            answers[each.slot].append(each.token)
        feeds = [Feed(e.slot, [e.token], sample=True) for e in sampled if not chat.ends(e.token)]
    for got, expected in zip(answers, alone, strict=True):
        assert got == expected[: len(got)]
        assert len(got) >= min(4, len(expected))


def test_results_are_in_the_order_of_the_feeds(chat: ChatRuntime) -> None:
    """One result per feed that asks, in the feeds' order, whatever the slots' numbers."""
    tokens = prompt(chat, "Say hello.")
    for slot in (3, 0, 2):
        chat.keep(slot, 0)
        chat.open(slot, GREEDY, seed=1)
    sampled = chat.decode(
        [Feed(3, tokens, sample=True), Feed(0, tokens, sample=False), Feed(2, tokens, sample=True)]
    )
    assert [each.slot for each in sampled] == [3, 2]
    assert sampled[0].token == sampled[1].token


def test_history_continues_the_answer(chat: ChatRuntime) -> None:
    """An answer taken up after some tokens goes on where it stopped."""
    tokens = prompt(chat, "Name three primary colors.")
    whole = generate(chat, tokens, count=6)
    assert generate(chat, tokens, count=2, history=whole[:4]) == whole[4:6]


def test_emptied_slot_forgets(chat: ChatRuntime) -> None:
    """A slot whose memory was cut to nothing answers as if it never had another prompt."""
    other = generate(chat, prompt(chat, "What is 2+2?"), slot=1)
    generate(chat, prompt(chat, "Name three primary colors."), slot=0)
    assert generate(chat, prompt(chat, "What is 2+2?"), slot=0) == other


def test_misuse_is_refused(chat: ChatRuntime) -> None:
    """Opening twice, feeding a closed slot and feeding past the context are ``ValueError``s."""
    chat.keep(0, 0)
    chat.open(0, GREEDY, seed=1)
    with pytest.raises(ValueError, match="already open"):
        chat.open(0, GREEDY, seed=1)
    with pytest.raises(ValueError, match="not open"):
        chat.decode([Feed(1, [300], sample=True)])
    with pytest.raises(ValueError, match=f"{chat.context} tokens"):
        chat.decode([Feed(0, chat.tokenize("a b ") * 400, sample=True)])
    chat.close(0)
    chat.close(0)


def test_nothing_fed_is_nothing_computed(chat: ChatRuntime) -> None:
    """A step without feeds has no results."""
    assert chat.decode([]) == []


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=math.nan),
        Sampling(temperature=-1),
        Sampling(top_p=2),
        Sampling(min_p=-0.1),
        Sampling(repeat_penalty=0),
        Sampling(presence_penalty=math.inf),
        Sampling(logit_bias={5: math.nan}),
    ],
)
def test_impossible_sampling_is_refused(chat: ChatRuntime, sampling: Sampling) -> None:
    """Sampling that would compute NaN is a ``ValueError``, and the slot stays closed."""
    with pytest.raises(ValueError, match="must be"):
        chat.open(0, sampling, seed=1)
    chat.open(0, GREEDY, seed=1)


def test_banned_end_does_not_come(chat: ChatRuntime) -> None:
    """With ``ban_end`` an answer outlives the end that it would have had."""
    tokens = prompt(chat, "Say hello.")
    answer = generate(chat, tokens, count=48)
    assert chat.ends(answer[-1])
    longer = generate(chat, tokens, count=len(answer) + 8, ban_end=True)
    assert len(longer) == len(answer) + 8
    assert not any(map(chat.ends, longer))


def test_logprobs_are_of_the_chosen_and_sorted(chat: ChatRuntime) -> None:
    """Log probabilities are at most 0, sorted, sum to at most 1; greedy picks the first."""
    chat.open(0, GREEDY, seed=1, top_logprobs=5)
    (sampled,) = chat.decode([Feed(0, prompt(chat, "Say hello."), sample=True)])
    values = [value for _, value in sampled.top]
    assert len(values) == 5
    assert values == sorted(values, reverse=True)
    assert values[0] <= 0
    assert sum(map(math.exp, values)) <= 1 + 1e-6
    assert sampled.top[0] == (sampled.token, sampled.logprob)
    assert len({token for token, _ in sampled.top}) == 5


def test_logprobs_only_when_asked(chat: ChatRuntime) -> None:
    """None gives no log probability, 0 that of the chosen token alone."""
    tokens = prompt(chat, "Say hello.")
    chat.open(0, GREEDY, seed=1)
    chat.open(1, GREEDY, seed=1, top_logprobs=0)
    without, chosen = chat.decode([Feed(0, tokens, sample=True), Feed(1, tokens, sample=True)])
    assert (without.logprob, without.top) == (None, ())
    assert chosen.logprob is not None
    assert chosen.top == ()


def test_prompt_tells_roles_apart(chat: ChatRuntime) -> None:
    """The same words from another role are another prompt."""
    assert chat.prompt([Message("user", "hi")]) != chat.prompt([Message("system", "hi")])
