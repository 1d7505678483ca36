"""The audit on a made-up ledger: each kind of breach is seen, and a faultless job is none."""

from __future__ import annotations

import json
import threading
import time

import pytest

from faults.audit import Counts, Expected, audit
from faults.found import Shelf
from faults.wire import Heard
from tasks.connection import Client
from tasks.events import Done, Event, Failed, Finished, Started, Token, Usage, encode
from tasks.keys import Keys
from tasks.settings import QueueSettings

WHOLE: tuple[Event, ...] = (
    Started(3),
    Token(0, (1,), "one "),
    Token(0, (2, 3), "two"),
    Finished(0, "stop", 3),
    Done(Usage(3, 3)),
)


class Ledger:
    """Jobs as they would lie in Redis, faults included."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._redis, self._keys = client, Keys(settings.key_prefix)
        self.shelf = Shelf(client, self._keys)

    def put(
        self, job_id: str, *log: Event, state: str = "done", attempt: int = 1, skip: int = 0
    ) -> None:
        """A job; ``skip`` leaves a number out of its log."""
        self._redis.hset(self._keys.job(job_id), mapping={"state": state, "attempt": attempt})
        seq = 0
        for event in log:
            seq += 2 if skip and seq + 1 == skip else 1
            self._redis.xadd(self._keys.log(job_id), {"e": encode(event)}, id=f"{seq}-0")


@pytest.fixture
def made_up(client: Client, settings: QueueSettings) -> Ledger:
    """A ledger that is written by hand."""
    return Ledger(client, settings)


def audited(made_up: Ledger, *expected: Expected) -> Counts:
    """The counts over the one job ``job``."""
    return audit(made_up.shelf, ["job"], expected, within_s=0)


def breaches(counts: Counts) -> dict[str, int]:
    """The counts that are not 0, but for the accepted ones."""
    names = ("lost", "doubled_ends", "doubled_runs", "stuck", "broken")
    return {name: getattr(counts, name) for name in names if getattr(counts, name)}


def heard(*pieces: tuple[int, str]) -> tuple[Heard, ...]:
    """Chat chunks with these numbers and texts."""
    return tuple(
        Heard(seq, json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}), 0.0)
        for seq, text in pieces
    )


def test_a_job_as_it_should_be_is_no_breach(made_up: Ledger) -> None:
    """One end, the last of consecutive events; what was heard is what is stored."""
    made_up.put("job", *WHOLE)
    counts = audited(made_up, Expected("job", heard=heard((2, "one "), (3, "two")), text="one two"))
    assert counts.accepted == 1
    assert breaches(counts) == {}


def test_an_id_that_nobody_knows_is_lost(made_up: Ledger) -> None:
    """The client was answered, and there is no record."""
    assert breaches(audited(made_up)) == {"lost": 1}


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_job_without_an_end_is_stuck(made_up: Ledger, state: str) -> None:
    """It waits or runs when time is up."""
    made_up.put("job", *WHOLE[:2], state=state)
    assert breaches(audited(made_up)) == {"stuck": 1}


def test_a_job_that_ends_in_time_is_waited_for(made_up: Ledger) -> None:
    """Open at first is no breach: the audit looks again until its time is over."""
    made_up.put("job", state="running")

    def end() -> float:
        time.sleep(0.2)
        made_up.put("job", *WHOLE)
        return time.monotonic()

    threading.Thread(target=end).start()
    assert breaches(audit(made_up.shelf, ["job"], within_s=5)) == {}


def test_two_ends_in_a_log_are_seen(made_up: Ledger) -> None:
    """A second terminal event behind the first."""
    made_up.put("job", *WHOLE, Failed("internal_error", "late"))
    assert breaches(audited(made_up)) == {"doubled_ends": 1}


def test_an_event_behind_the_end_is_seen(made_up: Ledger) -> None:
    """The end must be the last event."""
    made_up.put("job", *WHOLE, Token(0, (9,), "stale"))
    assert breaches(audited(made_up)) == {"doubled_ends": 1}


def test_an_end_without_its_event_is_a_broken_promise(made_up: Ledger) -> None:
    """The record says done, and no subscriber can ever learn of it."""
    made_up.put("job", *WHOLE[:-1])
    assert breaches(audited(made_up)) == {"broken": 1}


def test_more_attempts_than_deaths_explain_are_doubled_runs(made_up: Ledger) -> None:
    """Two attempts with one death are right, three are not."""
    made_up.put("job", *WHOLE, attempt=2)
    assert breaches(audited(made_up, Expected("job", deaths=1))) == {}
    assert breaches(audited(made_up)) == {"doubled_runs": 1}


def test_a_gap_in_the_log_is_seen(made_up: Ledger) -> None:
    """Numbers go 1, 2, 3."""
    made_up.put("job", *WHOLE, skip=3)
    assert breaches(audited(made_up)) == {"broken": 1}


def test_a_job_that_failed_where_it_should_be_done_is_seen(made_up: Ledger) -> None:
    """An end, once, but the wrong one; right where the row says so."""
    made_up.put("job", Failed("internal_error", "no"), state="failed")
    assert breaches(audited(made_up)) == {"broken": 1}
    assert breaches(audited(made_up, Expected("job", ends=frozenset({"failed"})))) == {}


def test_a_stored_text_that_differs_is_seen(made_up: Ledger) -> None:
    """Against the text that the row knows beforehand."""
    made_up.put("job", *WHOLE)
    assert breaches(audited(made_up, Expected("job", text="one two three"))) == {"broken": 1}


@pytest.mark.parametrize(
    "told",
    [
        heard((2, "one "), (3, "two!")),
        heard((2, "one "), (4, "two")),
        heard((2, "one "), (2, "one ")),
    ],
    ids=["another text", "a gap", "a repeat"],
)
def test_what_was_heard_must_be_what_is_stored(made_up: Ledger, told: tuple[Heard, ...]) -> None:
    """Piece by piece, each once, in order."""
    made_up.put("job", *WHOLE)
    assert audited(made_up, Expected("job", heard=told)).broken > 0


def test_a_part_that_was_heard_is_compared_with_that_part(made_up: Ledger) -> None:
    """A client that came late or left early hears some of it."""
    made_up.put("job", *WHOLE)
    assert breaches(audited(made_up, Expected("job", heard=heard((3, "two"))))) == {}
