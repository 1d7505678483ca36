"""Both ends of a stream over a real Redis: nothing lost, nothing doubled, whatever breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tasks.connection import Client, connect
from tasks.dispatcher import Dispatcher
from tasks.errors import LogExpired, UnknownJob
from tasks.events import (
    CallDelta,
    Done,
    Event,
    Failed,
    Finished,
    Started,
    Token,
    Usage,
    Vectors,
    joined,
)
from tasks.jobs import ChatJob, Message, new_id
from tasks.ledger import Claim, Ledger
from tasks.reply import Publisher, Reply
from tasks.settings import QueueSettings
from tasks.subscription import Subscription
from tests.conftest import RedisServer

QUEUE = "chat.m"


class Line:
    """A job, claimed, with a reply at one end and a subscription at the other."""

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher) -> None:
        self.job = ChatJob(id=new_id(), model="m", messages=(Message("user", "hi"),))
        self.dispatcher = dispatcher
        self.subscription = Subscription(ledger, dispatcher, self.job.id)
        ledger.accept(self.job, QUEUE)
        claim = ledger.claim(QUEUE, "w")
        assert isinstance(claim, Claim)
        self.cancelled = threading.Event()
        self.reply = Reply(claim, QUEUE, self.cancelled.set)
        self.publisher = Publisher(ledger, retry_s=0.05)

    def say(self, *events: Event) -> None:
        """Say and publish."""
        self.reply.say(*events)
        self.publisher.publish([self.reply])

    def speak(self, words: int, pause_s: float = 0.001) -> threading.Thread:
        """Say so many tokens and the end, from a thread of its own.

        Each is of another choice: tokens of the same one may travel together.
        """

        def run() -> None:
            for i in range(words):
                self.say(Token(i, (i,), f"{i} "))
                time.sleep(pause_s)
            self.say(Done(Usage(1, words)))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread


@pytest.fixture
def line(ledger: Ledger, dispatcher: Dispatcher) -> Iterator[Line]:
    """One job's line."""
    line = Line(ledger, dispatcher)
    yield line
    line.publisher.close()
    line.subscription.close()


def heard(subscription: Subscription) -> list[tuple[int, str]]:
    """All that a subscription yields until its end."""
    return [(seq, getattr(event, "text", "")) for seq, event in subscription]


def expected(words: int) -> list[tuple[int, str]]:
    """What ``Line.speak`` says."""
    return [*((i + 1, f"{i} ") for i in range(words)), (words + 1, "")]


def test_events_arrive_in_order_and_the_iteration_ends(line: Line) -> None:
    """The reader gets 1, 2, 3 ... up to the last event, and stops there."""
    line.speak(50)
    assert heard(line.subscription) == expected(50)


def test_killed_pubsub_connections_lose_nothing(line: Line, client: Client) -> None:
    """With the subscription's connection killed ten times, every event arrives once."""
    thread = line.speak(300)
    got = []
    for seq, event in line.subscription:
        got.append((seq, getattr(event, "text", "")))
        if seq % 30 == 0:
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    thread.join()
    assert got == expected(300)


def test_a_reader_that_comes_late_gets_everything(
    line: Line, ledger: Ledger, dispatcher: Dispatcher
) -> None:
    """The log serves whoever subscribes after the end, from any point on."""
    line.speak(20).join()
    assert line.reply.over.wait(5)
    late = Subscription(ledger, dispatcher, line.job.id, after=15)
    assert heard(late) == expected(20)[15:]


def test_a_large_event_is_fetched_from_the_log(line: Line) -> None:
    """An event that is too large for the channel arrives all the same, at once."""
    vectors = Vectors(0, 10_000, bytes(40_000))
    began = time.monotonic()
    line.say(vectors, Done(Usage(1)))
    assert [event for _, event in line.subscription] == [vectors, Done(Usage(1))]
    assert time.monotonic() - began < 0.15


def test_a_reader_may_do_other_things_while_it_waits(line: Line) -> None:
    """``next_within`` comes back in time when there is nothing."""
    began = time.monotonic()
    assert line.subscription.next_within(0.05) is None
    assert time.monotonic() - began < 0.15
    line.say(Started(1))
    assert line.subscription.next_within(1) == (1, Started(1))


def test_a_vanished_job_raises(line: Line, client: Client, ledger: Ledger) -> None:
    """A reader does not wait for a job that the ledger has lost."""
    client.delete(ledger.keys.job(line.job.id))
    with pytest.raises(UnknownJob):
        line.subscription.next_within(2)


def test_a_reader_slower_than_the_log_is_kept_is_told(
    line: Line, client: Client, ledger: Ledger
) -> None:
    """When the log expires before its reader came to the end, the stream ends with the reason."""
    line.say(Started(1), Done(Usage(1, 1)))
    assert len(list(line.subscription)) == 2
    late = Subscription(ledger, line.dispatcher, line.job.id, look_now=True)
    client.delete(ledger.keys.log(line.job.id))
    with pytest.raises(LogExpired):
        late.next_within(2)


def test_a_cancellation_reaches_the_speaker(line: Line, ledger: Ledger) -> None:
    """The next token's answer tells the worker that nobody wants the job any more."""
    ledger.cancel(line.job.id, QUEUE)
    line.say(Token(0, (1,), "a"))
    assert line.cancelled.wait(5)
    assert line.reply.cancelled


def test_nothing_is_said_after_the_end(line: Line) -> None:
    """Events behind the last one are dropped."""
    line.say(Failed("x", "y"), Token(0, (1,), "late"))
    assert [event for _, event in line.subscription] == [Failed("x", "y")]


def test_a_fenced_speaker_learns_it_and_stops(line: Line, ledger: Ledger) -> None:
    """When another attempt has the job, the reply is over and nothing of it is logged."""
    ledger.redis.hset(ledger.keys.job(line.job.id), "attempt", 2)
    line.say(Token(0, (1,), "a"))
    assert line.reply.over.wait(5)
    assert line.reply.fenced
    assert line.cancelled.is_set()
    assert ledger.log(line.job.id) == []


def test_a_log_that_lost_its_tail_is_filled_again(line: Line, ledger: Ledger) -> None:
    """After Redis came back without the last entries, the speaker appends them again."""
    for i in range(5):
        line.say(Token(i, (i,), f"{i} "))
    while line.reply.outstanding():
        time.sleep(0.01)
    ledger.redis.delete(ledger.keys.log(line.job.id))
    ledger.redis.hset(ledger.keys.job(line.job.id), "last_seq", 0)
    line.say(Done(Usage(1, 5)))
    assert line.reply.over.wait(5)
    assert [seq for seq, _ in ledger.log(line.job.id)] == [1, 2, 3, 4, 5, 6]


def test_a_log_that_lost_an_earlier_attempts_words_ends_this_attempt(
    line: Line, ledger: Ledger
) -> None:
    """What is missing was said by another process: the job is left to the next attempt."""
    claim = Claim(line.job.id, 1, 5, 1, b"")
    ledger.redis.hset(ledger.keys.job(line.job.id), "last_seq", 3)
    reply = Reply(claim, QUEUE, line.cancelled.set)
    reply.say(Token(0, (6,), "six"))
    line.publisher.publish([reply])
    assert reply.over.wait(5)
    assert reply.fenced
    assert ledger.log(line.job.id) == []


def test_a_stream_survives_the_death_of_redis(
    mortal_redis: RedisServer, settings: QueueSettings
) -> None:
    """Redis killed and started again in the middle of an answer: it completes without a gap."""
    client = connect(mortal_redis.url)
    dispatcher = Dispatcher(client)
    line = Line(Ledger(client, settings), dispatcher)
    time.sleep(1.1)  # the append-only file is synced every second
    thread = line.speak(200, pause_s=0.01)
    got = []
    for seq, event in line.subscription:
        got.append((seq, getattr(event, "text", "")))
        if seq == 60:
            mortal_redis.kill()
            time.sleep(0.5)
            mortal_redis.start()
    thread.join()
    line.publisher.close()
    dispatcher.close()
    client.close()
    assert got == expected(200)


def test_one_publisher_serves_many_replies(ledger: Ledger, dispatcher: Dispatcher) -> None:
    """Thirty-two jobs that speak at once are each heard whole."""
    lines = [Line(ledger, dispatcher) for _ in range(32)]
    for line in lines:
        line.publisher = lines[0].publisher
    threads = [line.speak(40, pause_s=0) for line in lines]
    assert all(heard(line.subscription) == expected(40) for line in lines)
    for thread in threads:
        thread.join()


def test_tokens_that_wait_together_travel_together(line: Line, ledger: Ledger) -> None:
    """What a choice says while nothing is sent is one entry; each choice has its own."""
    line.reply.say(Token(0, (1,), "a"), Token(1, (9,), "x"), Token(0, (2, 3), "bc"))
    line.say(Finished(0, "stop", 3), Done(Usage(1, 4)))
    assert line.reply.over.wait(5)
    assert [event for _, event in ledger.log(line.job.id)] == [
        Token(0, (1, 2, 3), "abc"),
        Token(1, (9,), "x"),
        Finished(0, "stop", 3),
        Done(Usage(1, 4)),
    ]


def test_a_paced_publisher_is_in_no_hurry_but_for_first_and_last_words(
    line: Line, ledger: Ledger
) -> None:
    """With a pause of a minute the first token comes at once, and the end brings all the rest."""
    paced = Publisher(ledger, interval_s=60)
    line.publisher.close()
    line.publisher = paced
    began = time.monotonic()
    line.say(Token(0, (0,), "0 "))
    assert next(line.subscription) == (1, Token(0, (0,), "0 "))
    line.say(Token(0, (1,), "1 "))
    assert next(line.subscription) == (2, Token(0, (1,), "1 "))
    while line.reply.urgent:  # the publisher has yet to hear what its reader has heard
        time.sleep(0.001)
    for i in range(2, 9):
        line.say(Token(0, (i,), f"{i} "))
        time.sleep(0.02)
    assert line.reply.claim.last_seq + 2 == len(ledger.log(line.job.id))
    line.say(Done(Usage(1, 9)))
    rest = [event for _, event in line.subscription]
    assert rest == [
        Token(0, tuple(range(2, 9)), "".join(f"{i} " for i in range(2, 9))),
        Done(Usage(1, 9)),
    ]
    assert time.monotonic() - began < 5


def test_pieces_of_one_call_are_joined() -> None:
    """Argument text is put together per call; a new call stays its own."""
    first = Token(0, (1,), "", (), (CallDelta(0, "f", '{"a"'),))
    second = Token(0, (2,), "", (), (CallDelta(0, None, ":1}"), CallDelta(1, "g", "{}")))
    assert joined(first, second).calls == (CallDelta(0, "f", '{"a":1}'), CallDelta(1, "g", "{}"))
