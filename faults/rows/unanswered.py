"""Row 6: Redis does what it was told, and whoever told it never hears so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from faults.audit import audit
from faults.client import Answer, Client, chat
from faults.commands import Command
from faults.lanes import side_by_side
from faults.proxy import Proxy
from faults.row import Row
from faults.told import lives
from faults.trial import Trial
from faults.yard import Yard

ENDED = frozenset({"done", "cancelled"})
# The lease of a listener that is gone is 30 s.
ENDED_S = 40.0
# redis-py tries again once by itself: the API is left without an answer when both are lost.
BOTH = 2


@dataclass(frozen=True, slots=True)
class Case:
    """What is lost and what must come of it.

    ``lost`` answers to the script that accepts the job, or else the one to the ticket's LPUSH. A
    client that has a ``key`` asks again with it, as the official one does. ``refused`` says whether
    the first answer must be a 503, and ``runs`` how often the job may be begun.
    """

    name: str
    lost: int = 0
    refused: bool = False
    key: bool = False
    background: bool = False
    runs: tuple[int, ...] = (1,)


CASES = (
    Case("accepted, and refused for all the client knows", lost=BOTH, refused=True, runs=(0, 1)),
    Case("the same with an Idempotency-Key", lost=BOTH, refused=True, key=True),
    Case("the same in the background", lost=BOTH, refused=True, background=True, runs=(0, 1)),
    Case("accepted at redis-py's second try", lost=1),
    Case("the ticket published twice"),
)


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """API A speaks to Redis through a proxy, which passes the command on and cuts the connection
    instead of giving the answer; five cases take turns. Where both answers to the accepting script
    are lost, the client gets a 503 although its job was written: without a key the job must end
    cancelled or done within 40 s, with an Idempotency-Key the repeated request (to API B) must be
    answered and the job be begun exactly once. Where one is lost, or the ticket's, the client must
    notice nothing, and the job be begun once."""
    redis = urlsplit(yard.settings.queue_url)
    proxy = Proxy(redis.hostname or "", redis.port or 6379)
    yard.restart("api-a", {"MILLRACE_QUEUE_URL": proxy.url})
    try:
        yard.wait_ready()
        yield from side_by_side(yard, numbers, partial(trial, proxy=proxy))
    finally:
        yard.restart("api-a", {"MILLRACE_QUEUE_URL": yard.settings.queue_url})
        proxy.close()


def trial(yard: Yard, model: str, number: int, *, proxy: Proxy) -> Trial:
    """One job whose acceptance, or ticket, went unanswered."""
    yard.wait_worker(model)
    case = CASES[number % len(CASES)]
    text = f"unanswered-{number}-end"
    begun = runs(yard, model)
    matches = accepting(text) if case.lost else publishing(yard.queue(model))
    with yard.client(f"6-{number}") as client:
        loss = proxy.lose(matches, case.lost or 1)
        answers = ask(client, case, chat(model, text, background=case.background), number)
        struck = loss.wait(5)
        ids = list(dict.fromkeys([each.job_id for each in answers if each.job_id]))
        ends = ENDED if case.refused and not case.key else frozenset({"done"})
        written = [job_id for job_id in ids if yard.shelf.state(job_id)]
        counts = audit(yard.shelf, written, ends=ends, within_s=ENDED_S)
        counts.require(struck, "the answer was not lost")
        counts.require(bool(written), "the job was not written")
        first, last = answers[0], answers[-1]
        expected = 503 if case.refused else 202 if case.background else 200
        counts.require(first.status == expected, f"answered {first.status} {first.code}")
        if case.key or not case.refused:
            counts.require(said(last) == text, f"answered {last.status} {last.code} in the end")
        times = runs(yard, model) - begun
        if times not in case.runs:
            counts.breach("doubled_runs" if times > 1 else "broken", f"begun {times} times")
        return counts.trial(number, note=case.name)


def ask(client: Client, case: Case, body: dict[str, object], number: int) -> list[Answer]:
    """The client's answers: one, or as many as it takes where it may ask again."""
    if case.key:
        return client.insist(body, headers={"Idempotency-Key": f"key-{number}"})
    return [client.post(body)]


def said(answer: Answer) -> str | None:
    """The text of a whole answer; None where it is none."""
    if answer.status != 200:
        return None
    return str(answer.json()["choices"][0]["message"]["content"])


def runs(yard: Yard, model: str) -> int:
    """How many jobs the model's worker began so far, by its own log."""
    told = (line for life in lives(yard.worker(model).log) for line in life.lines)
    return sum(line.what == "job started" for line in told)


def accepting(text: str) -> Callable[[Command], bool]:
    """Whether a command is the script that accepts the job with this text."""
    mark = text.encode()

    def matches(command: Command) -> bool:
        return command[0].upper() in {b"EVALSHA", b"EVAL"} and any(mark in p for p in command)

    return matches


def publishing(queue: str) -> Callable[[Command], bool]:
    """Whether a command publishes a ticket in ``queue``."""

    def matches(command: Command) -> bool:
        return command[0].upper() == b"LPUSH" and command[1] == queue.encode()

    return matches


ROWS = (
    Row(
        key="6",
        title="accepting or publishing raised, and was done all the same",
        full=100,
        small=3,
        play=play,
    ),
)
