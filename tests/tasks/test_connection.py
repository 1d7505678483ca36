"""The way clients of Redis are made."""

from __future__ import annotations

import threading

import redis

from tasks.connection import MOST_CONNECTIONS, connect
from tasks.settings import QueueSettings


def test_more_commands_than_connections_wait_for_their_turn(settings: QueueSettings) -> None:
    """None of many commands at once is refused for the number of the others."""
    client = connect(settings.queue_url)
    refused: list[Exception] = []

    def ask() -> None:
        try:
            client.blpop([f"{settings.key_prefix}:nothing"], timeout=0.3)
        except redis.RedisError as error:
            refused.append(error)

    threads = [threading.Thread(target=ask) for _ in range(MOST_CONNECTIONS + 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    client.close()
    assert refused == []
