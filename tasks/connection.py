"""Redis clients: one way to make them, with retries that cannot double anything unnoticed."""

from __future__ import annotations

from typing import Any

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

# redis-py types every answer as "bytes or str, or what it might be asynchronously"; ours are
# bytes, always, and the type that says so is the reader's.
Client = Any

# redis-py 8 retries ten times by default, each up to the timeout: an API that must say 503 soon
# cannot wait for that. Every command of ours is safe to apply twice, so one retry is enough to
# outlive a connection that Redis closed.
RETRIES = 1
TIMEOUT_S = 5.0

# Commands under way at once. redis-py's own pool refuses the 101st with an error: of 400 requests
# that came together 301 were answered 503. One more waits for a connection here, a few ms while
# Redis answers; while it does not, no longer than a client that is to hear so soon can wait.
MOST_CONNECTIONS = 256
TURN_S = 2.0


def connect(url: str, *, timeout_s: float = TIMEOUT_S) -> Client:
    """A thread-safe client that answers or raises within about twice ``timeout_s``."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=TURN_S,
        socket_timeout=timeout_s,
        socket_connect_timeout=min(timeout_s, 3.0),
        retry=Retry(ConstantBackoff(0.05), RETRIES),
        health_check_interval=0,
        protocol=2,
    )
    return redis.Redis.from_pool(pool)


def now_ms(client: Client) -> int:
    """Redis's clock, in ms: the only one that leases and reports are measured by."""
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000
