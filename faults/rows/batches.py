"""Row 18: whatever a batch needs is killed while it runs, and every line comes back once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from faults.audit import Counts
from faults.batch import ENDED, BatchClient
from faults.client import Client
from faults.lanes import attempted
from faults.leftovers import Leftovers
from faults.outputs import Returned, apart, count_lines, count_totals, vector
from faults.part import Process
from faults.row import Row
from faults.setup import Setup
from faults.trial import Trial
from faults.waiting import until
from faults.work import CHAT, EMBED, Work, texts_of
from faults.yard import Yard

SMALL, USUAL, LARGE, CHATS = 2_000, 20_000, 100_000, 1_000
KILLS = 5
# On the two cores of a small machine, undisturbed: the kills are spread over that time.
TEXTS_PER_S, CHATS_PER_S = 1_000.0, 35.0
LOOK_S = 0.2
SAMPLE = 50
CLOSE = 1e-4
# For each kill, and for the batch itself, this long and a multiple of its time.
GRACE_S, TIMES = 60.0, 6.0
# An ended batch is cleaned up behind in the second round of chores after its end, one each 30 s.
CLEAN_S = 90.0
# The answers come from the model, not from where earlier ones are kept.
AFRESH = {"Cache-Control": "no-cache"}
Check = Callable[[Counts, Yard, Work, Returned], None]


def play_embed(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """A batch of 20,000 embeddings of the real model (2,000 in the first trial), and five times,
    at random moments from its making on, kill -9 of one of these, each at least once: the keeper,
    the model's worker, an API, Redis. All are restarted at once. The batch must complete, every
    line once in its output, none in its error file, with counts and usage to match; 50 lines have
    the vectors that their texts get alone, to 1e-4; no record, log or plan of its jobs is left in
    Redis, and no piece in the store. What was accepted are lines."""
    for number in numbers:
        lines = SMALL if number == 1 else USUAL
        yield attempted(partial(embed_trial, yard, number, lines), number)


def play_large(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """The same with 100,000 lines."""
    for number in numbers:
        yield attempted(partial(embed_trial, yard, number, LARGE), number)


def play_chat(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """The same with 1,000 chats of the echo model: every answer is the text that was asked with."""
    for number in numbers:
        yield attempted(partial(chat_trial, yard, number), number)


def embed_trial(yard: Yard, number: int, lines: int) -> Trial:
    """One batch of embeddings; as numbers and as base64 in turn."""
    dice = random.Random(number)
    texts = texts_of(lines, dice)
    work = Work(
        model=EMBED,
        endpoint="/v1/embeddings",
        texts=texts,
        expected_s=lines / TEXTS_PER_S,
        sample=dice.sample(sorted(texts), SAMPLE),
        numbers=number % 2 == 0,
    )
    return trial(yard, number, work, require_vectors, dice)


def chat_trial(yard: Yard, number: int) -> Trial:
    """One batch of chats."""
    dice = random.Random(number)
    texts = texts_of(CHATS, dice)
    work = Work(
        model=CHAT,
        endpoint="/v1/chat/completions",
        texts=texts,
        expected_s=CHATS / CHATS_PER_S,
        sample=list(texts),
    )
    return trial(yard, number, work, require_texts, dice)


def trial(yard: Yard, number: int, work: Work, check: Check, dice: random.Random) -> Trial:
    """One batch, and what was counted of it."""
    yard.wait_ready()
    folder = yard.folder / f"18-{work.model}-{len(work.texts)}-{number}"
    folder.mkdir()
    source = folder / "input.jsonl"
    source.write_bytes(b"".join(work.lines()))
    left = Leftovers(yard.redis, yard.keys, yard.folder / "files")
    counts = Counts(accepted=len(work.texts))
    with BatchClient(yard.urls) as client:
        began = time.monotonic()
        batch = client.create(source, work.endpoint)
        batch, killed = injured(yard, client, batch, work, dice)
        took_s = time.monotonic() - began
        yard.wait_ready()
        if batch["status"] not in ENDED:
            counts.breach("stuck", f"{batch['status']} after {took_s:.0f} s: {batch}")
            return counts.trial(number, None, said(killed, took_s))
        errors = [each["message"] for each in (batch.get("errors") or {}).get("data", [])]
        counts.require(batch["status"] == "completed", f"it is {batch['status']}: {errors[:3]}")
        returned = fetched(client, batch, work, folder)
    count_lines(counts, returned, work.texts)
    count_totals(counts, batch, returned, len(work.texts))
    require_clean(counts, left, batch["id"])
    check(counts, yard, work, returned)
    return counts.trial(number, None, said(killed, took_s))


def injured(
    yard: Yard, client: BatchClient, batch: dict[str, Any], work: Work, dice: random.Random
) -> tuple[dict[str, Any], list[str]]:
    """The batch once it has ended, or as it is when time is up; what was killed, and when."""
    victims = victims_of(yard, work.model, dice)
    longest_s = GRACE_S * (1 + len(victims)) + TIMES * work.expected_s
    killed: list[str] = []
    began = time.monotonic()
    due = began + pause_s(work, dice)
    while batch["status"] not in ENDED and time.monotonic() - began < longest_s:
        if victims and time.monotonic() >= due:
            victim = victims.pop()
            victim.kill()
            killed.append(f"{victim.name} at {time.monotonic() - began:.1f} s")
            due = time.monotonic() + pause_s(work, dice)
        time.sleep(min(LOOK_S, max(due - time.monotonic(), 0.01)))
        batch = client.find(batch["id"]) or batch
    return batch, killed


def victims_of(yard: Yard, model: str, dice: random.Random) -> list[Process]:
    """Who is killed, in this order: each once, and one of them once more."""
    every = [
        yard.part("keeper"),
        yard.worker(model),
        yard.part("api-a"),
        yard.part("redis-queue"),
    ]
    victims = [*every, *dice.choices(every, k=KILLS - len(every))]
    dice.shuffle(victims)
    return victims


def pause_s(work: Work, dice: random.Random) -> float:
    """How long until the next kill: all together, in the middle, as long as the batch takes."""
    return dice.uniform(0.1, 0.1 + 2 * work.expected_s / KILLS)


def fetched(client: BatchClient, batch: dict[str, Any], work: Work, folder: Path) -> Returned:
    """What the batch's files hold."""
    returned = Returned()
    for name, errors in (("output_file_id", False), ("error_file_id", True)):
        if file_id := batch.get(name):
            target = folder / name
            client.download(file_id, target)
            with target.open("rb") as lines:
                returned.read(lines, frozenset(work.sample), errors=errors)
            target.unlink()
    return returned


def require_clean(counts: Counts, left: Leftovers, batch_id: str) -> None:
    """Nothing is left of the batch's jobs and pieces, soon."""
    until(lambda: not left.keys(batch_id) and not left.pieces(batch_id), CLEAN_S)
    keys, pieces = left.keys(batch_id), left.pieces(batch_id)
    counts.require(not keys, f"{len(keys)} keys are left: {keys[:3]}")
    counts.require(not pieces, f"{len(pieces)} pieces are left: {pieces[:3]}")


def require_vectors(counts: Counts, yard: Yard, work: Work, returned: Returned) -> None:
    """The sampled texts have the vectors that they get alone."""
    counts.require(bool(returned.answers), "no vector was sampled")
    with yard.client(f"18-alone-{time.monotonic_ns()}") as client:
        for custom_id, answer in returned.answers.items():
            alone = alone_vector(client, work.texts[custom_id])
            difference = apart(vector(answer), alone)
            counts.require(difference <= CLOSE, f"{custom_id} differs by {difference:.1e}")


def alone_vector(client: Client, text: str) -> tuple[float, ...]:
    """The vector of a text that is asked for by itself."""
    asked = {"model": EMBED, "input": text}
    return vector(client.post(asked, "/v1/embeddings", headers=AFRESH).json())


def require_texts(counts: Counts, _yard: Yard, work: Work, returned: Returned) -> None:
    """Every answer is what the echo was asked with."""
    for custom_id, answer in returned.answers.items():
        [choice] = answer["choices"]
        same = choice["message"]["content"] == work.texts[custom_id]
        whole = choice["finish_reason"] == "stop"
        counts.require(same and whole, f"{custom_id} was answered with another text")


def said(killed: Sequence[str], took_s: float) -> str:
    """What was killed when, and how long the batch took."""
    return f"{len(killed)} kills ({', '.join(killed)}), ended after {took_s:.0f} s"


SETUP = Setup(
    models="batches.toml",
    env=(("BATCH_MAX_LINES", str(LARGE)), ("BATCH_MAX_INPUTS", str(LARGE))),
)
ROWS = (
    Row(
        key="18",
        variant="embed",
        title="a batch of embeddings, five kills: every line once, the right vectors",
        full=5,
        small=1,
        play=play_embed,
        setup=SETUP,
    ),
    Row(
        key="18",
        variant="chat",
        title="a batch of chats, five kills: every line once, the right texts",
        full=5,
        small=1,
        play=play_chat,
        setup=SETUP,
    ),
    Row(
        key="18",
        variant="large",
        title="a batch of 100,000 embeddings, five kills: every line once",
        full=1,
        small=0,
        play=play_large,
        setup=SETUP,
    ),
)
