"""One connection for all channels of a process."""

from __future__ import annotations

import time

from tasks.connection import Client
from tasks.dispatcher import INBOX_LIMIT, MISSED, Dispatcher, Inbox


def test_nothing_published_after_subscribing_is_missed(
    dispatcher: Dispatcher, client: Client
) -> None:
    """``subscribe`` returns when Redis has confirmed."""
    for i in range(50):
        inbox = dispatcher.subscribe(f"c{i}")
        client.publish(f"c{i}", f"{i} x")
        assert inbox.take(1) == f"{i} x".encode()


def test_an_unsubscribed_channel_is_forgotten(dispatcher: Dispatcher, client: Client) -> None:
    """Redis has no subscriber left, so nothing leaks with the number of jobs."""
    inbox = dispatcher.subscribe("gone")
    dispatcher.unsubscribe("gone", inbox)
    for _ in range(100):
        if client.pubsub_numsub("gone")[0][1] == 0:
            break
        time.sleep(0.01)
    assert client.pubsub_numsub("gone")[0][1] == 0


def test_a_broken_connection_is_told_to_every_reader(
    dispatcher: Dispatcher, client: Client
) -> None:
    """Each inbox says that something may be missing, and hears again afterwards."""
    inboxes = {name: dispatcher.subscribe(name) for name in ("a", "b")}
    client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    for name, inbox in inboxes.items():
        assert inbox.take(2) is MISSED
        for _ in range(100):
            client.publish(name, "1 x")
            if inbox.take(0.05) == b"1 x":
                break
        else:
            raise AssertionError("never heard again")


def test_a_reader_that_is_too_slow_is_sent_to_the_log() -> None:
    """A full inbox is emptied, so that the process's memory stays flat."""
    inbox = Inbox()
    for i in range(INBOX_LIMIT + 1):
        inbox.put(b"%d" % i)
    assert inbox.take(0) is MISSED
    assert inbox.take(0) is None


def test_readers_of_one_channel_leave_each_other_alone(
    dispatcher: Dispatcher, client: Client
) -> None:
    """Both hear what is said; the one that stays hears it after the other has left."""
    first, second = dispatcher.subscribe("c"), dispatcher.subscribe("c")
    client.publish("c", "1 x")
    assert (first.take(1), second.take(1)) == (b"1 x", b"1 x")
    dispatcher.unsubscribe("c", first)
    client.publish("c", "2 x")
    assert second.take(1) == b"2 x"
