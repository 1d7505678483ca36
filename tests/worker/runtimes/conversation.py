"""How the tests of this folder hold a conversation with a runtime."""

from __future__ import annotations

from tasks.jobs import Message, Sampling
from worker.runtimes.base import ChatRuntime, Feed

GREEDY = Sampling(temperature=0)


def prompt(runtime: ChatRuntime, text: str) -> list[int]:
    """The prompt of a conversation that consists of ``text``."""
    return runtime.prompt([Message("user", text)])


def generate(
    runtime: ChatRuntime,
    tokens: list[int],
    sampling: Sampling = GREEDY,
    *,
    count: int = 8,
    slot: int = 0,
    seed: int = 1,
    history: list[int] | None = None,
    ban_end: bool = False,
) -> list[int]:
    """The next ``count`` tokens after ``tokens`` and ``history``, or fewer if the answer ends."""
    history = history or []
    runtime.keep(slot, 0)
    runtime.open(slot, sampling, history, seed=seed, ban_end=ban_end)
    feed, answer = [*tokens, *history], []
    for _ in range(count):
        (sampled,) = runtime.decode([Feed(slot, feed, sample=True)])
        answer.append(sampled.token)
        if runtime.ends(sampled.token):
            break
        feed = [sampled.token]
    runtime.close(slot)
    return answer


def start(runtime: ChatRuntime, slot: int, tokens: list[int]) -> int:
    """Open an empty ``slot``, feed ``tokens``, and give the first token of the answer."""
    runtime.keep(slot, 0)
    return go_on(runtime, slot, tokens)


def go_on(runtime: ChatRuntime, slot: int, tokens: list[int]) -> int:
    """Open ``slot`` with the memory that it has, feed ``tokens``, and give the next token."""
    runtime.open(slot, GREEDY, seed=1)
    (sampled,) = runtime.decode([Feed(slot, tokens, sample=True)])
    return sampled.token


def text(runtime: ChatRuntime, tokens: list[int]) -> str:
    """What the tokens say."""
    return b"".join(map(runtime.piece, tokens)).decode()
