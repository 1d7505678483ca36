"""Row 1: a worker is killed in the middle of an answer, and the answer goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from faults.audit import Counts, Expected, audit
from faults.client import Client, chat
from faults.found import Found
from faults.lanes import one_by_one, side_by_side
from faults.row import Row
from faults.setup import Setup
from faults.stream import Stream
from faults.trial import Trial
from faults.wire import gapless, longest_pause_s
from faults.yard import Yard

# What the settings promise: the pause that a worker's death costs.
LONGEST_PAUSE_S = 10.0
TEXT = " ".join(str(number) for number in range(110))
PROMPT = "Tell me a story about a mill and the river that drives it."
TOKENS = 200
# What a killed process had sent is in Redis's hands; it may not have read it yet.
SETTLED_S = 0.2


def play_echo(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """kill -9 of the worker somewhere in an answer of 4 s. The client stays connected and reads
    the text of an undisturbed run, to the character, in events 1..n, after a pause below 10 s."""
    yield from side_by_side(yard, numbers, echo_trial)


def play_real(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """The same with the real model, greedy. No gap, no repeat, 200 tokens as asked for; what was
    logged before the kill stays as it was; what is stored is what was streamed; and the tokens
    after the kill are those of a fresh request whose prompt is the old one and the tokens before
    it. (Not those of an undisturbed run: computed as a prompt, not one by one, the same tokens
    may lead to other ones, by rounding.)"""
    yield from one_by_one(yard, numbers, real_trial)


def echo_trial(yard: Yard, model: str, number: int) -> Trial:
    """One kill; the place moves through the answer with the trial's number."""
    with yard.client(f"1-echo-{number}") as client:
        yard.wait_worker(model)
        stream = client.stream(chat(model, TEXT))
        stream.wait_events(2 + number * 7 % 100)
        killed = time.monotonic()
        yard.worker(model).kill()
        counts = ended(yard, client, stream, text=TEXT)
        counts.require(stream.text == TEXT, "the text is not that of an undisturbed run")
        return with_pause(counts, stream, killed, number)


def real_trial(yard: Yard, model: str, number: int) -> Trial:
    """One kill in the middle of 200 tokens."""
    greedy = {"temperature": 0, "cache_prompt": False, "ignore_eos": True}
    with yard.client(f"1-real-{number}") as client:
        yard.wait_worker(model)
        stream = client.stream(chat(model, PROMPT, max_tokens=TOKENS, **greedy))
        # Of 200 tokens, of which an event may hold several.
        stream.wait_events(2 + number * 7 % 80)
        killed = time.monotonic()
        yard.worker(model).kill()
        time.sleep(SETTLED_S)
        before = yard.shelf.find(stream.job_id)
        counts = ended(yard, client, stream)
        after = yard.shelf.find(stream.job_id)
        if before is None or after is None:
            return counts.trial(number)
        counts.require(before.log == after.log[: len(before.log)], "what was logged was changed")
        counts.require(len(after.token_ids) == TOKENS, f"{len(after.token_ids)} tokens")
        fresh = continued(yard, client, model, before.token_ids, greedy)
        rest = after.token_ids[len(before.token_ids) :]
        counts.require(fresh == rest, f"a fresh run parts at {parting(fresh, rest)} of {len(rest)}")
        return with_pause(counts, stream, killed, number)


def ended(yard: Yard, client: Client, stream: Stream, text: str | None = None) -> Counts:
    """The counts once the stream has ended, which it must as an answer ends."""
    stream.wait_over()
    heard = Expected(stream.job_id, deaths=1, heard=tuple(stream.events), text=text)
    counts = audit(yard.shelf, client.book.ids(), [heard])
    counts.require(stream.whole, f"the stream ended with {stream.ending}")
    counts.require(gapless(stream.events), "a gap or a repeat in the stream")
    counts.require(yard.shelf.attempt(stream.job_id) == 2, "it was not interrupted")
    return counts


def with_pause(counts: Counts, stream: Stream, killed: float, number: int) -> Trial:
    """The trial, with the pause that its client saw."""
    pause_s = longest_pause_s(stream.events, killed)
    counts.require(pause_s < LONGEST_PAUSE_S, f"a pause of {pause_s:.1f} s")
    return counts.trial(number, pause_s)


def continued(
    yard: Yard, client: Client, model: str, sent: Sequence[int], greedy: Mapping[str, object]
) -> list[int]:
    """The token ids with which a fresh request goes on after the prompt and what was ``sent``."""
    yard.wait_worker(model)
    body = {"model": model, "messages": chat(model, PROMPT)["messages"]}
    prompt = client.post(body, "/tokenize").json()["tokens"]
    asked = {"model": model, "prompt": [*prompt, *sent], "max_tokens": TOKENS - len(sent)}
    answer = client.post({**asked, **greedy}, "/v1/completions")
    found: Found | None = yard.shelf.find(answer.job_id)
    return found.token_ids if found else []


def parting(one: Sequence[int], other: Sequence[int]) -> int:
    """The place of the first token that differs."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


ROWS = (
    Row(
        key="1",
        variant="echo",
        title="kill -9 worker mid-stream: the text of an undisturbed run",
        full=100,
        small=3,
        play=play_echo,
    ),
    Row(
        key="1",
        variant="real",
        title="kill -9 worker mid-stream, real model: no gap, no repeat, as a fresh run goes on",
        full=20,
        small=2,
        play=play_real,
        setup=Setup(models="real.toml"),
    ),
)
