"""The cache's Redis: its sizes, and what is forgotten on request."""

from __future__ import annotations

import time

import pytest

from tasks import cache_server
from tasks.cache_names import Kind, creation, key
from tasks.cache_server import Swept, read_sizes, sweep
from tasks.connection import Client, connect
from tasks.settings import QueueSettings
from tests.conftest import RedisServer

KINDS: tuple[Kind, ...] = ("answer", "vector")


@pytest.fixture
def prefix(settings: QueueSettings) -> str:
    """A prefix that no other test uses."""
    return settings.key_prefix


def keep(client: Client, prefix: str, model: str, owner: str, age_s: float = 0.0) -> set[bytes]:
    """An answer and a vector of that age; their names."""
    names = {key(prefix, kind, model, owner, f"{age_s:.0f}") for kind in KINDS}
    for name in names:
        client.set(name, creation(time.time() - age_s) + b"payload")
    return {name.encode() for name in names}


def left(client: Client, prefix: str) -> set[bytes]:
    """What is there."""
    return set(client.scan_iter(match=f"{prefix}:*", count=1_000))


@pytest.mark.parametrize(
    ("swept", "goes"),
    [
        (Swept(), "abcd"),
        (Swept(model="m"), "abd"),
        (Swept(owner="o"), "acd"),
        (Swept(model="m", owner="o"), "ad"),
        (Swept(older_than_s=60), "d"),
        (Swept(model="n", older_than_s=60), ""),
        (Swept(older_than_s=0), "abcd"),
        (Swept(model="nobody"), ""),
    ],
)
def test_what_is_named_goes_and_the_rest_stays(
    client: Client, prefix: str, swept: Swept, goes: str
) -> None:
    """By model, owner, both, age, or all; answers and vectors alike; and it says how many."""
    kept = {
        "a": keep(client, prefix, "m", "o"),
        "b": keep(client, prefix, "m", "p"),
        "c": keep(client, prefix, "n", "o"),
        "d": keep(client, prefix, "m", "o", age_s=100),
    }
    time.sleep(0.002)
    gone = set().union(*(kept[each] for each in goes))
    assert sum(sweep(client, prefix, swept)) == len(gone)
    assert left(client, prefix) == set().union(*kept.values()) - gone


@pytest.mark.parametrize("swept", [Swept(), Swept(older_than_s=0)])
def test_what_is_not_ours_stays(client: Client, prefix: str, swept: Swept) -> None:
    """Other keys of the same server, however much their names are alike; also other types."""
    client.mset({f"{prefix}:amount:a:b:c": "1", f"{prefix}x:answer:a:b:c": "2"})
    client.rpush(f"{prefix}:vessel:a:b:c", *range(10))
    others = left(client, prefix) | {f"{prefix}x:answer:a:b:c".encode()}
    assert sum(sweep(client, prefix, swept)) == 0
    assert left(client, prefix) | left(client, f"{prefix}x") == others


def test_what_has_no_age_is_not_old(client: Client, prefix: str) -> None:
    """Another form under a name of ours is no reason to stop; clearing all takes it."""
    for name, form in (("1", "set"), ("2", "rpush"), ("3", "set")):
        getattr(client, form)(key(prefix, "answer", "m", "o", name), "short")
    old = keep(client, prefix, "m", "o", age_s=10)
    assert sum(sweep(client, prefix, Swept(older_than_s=5))) == len(old)
    assert sum(sweep(client, prefix, Swept())) == 3


def test_others_have_their_turn_meanwhile(
    client: Client, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many entries go in many stretches, none of them much longer than was set."""
    monkeypatch.setattr(cache_server, "STRETCH", 50)
    names = [key(prefix, "answer", "m", "o", str(number)) for number in range(1_000)]
    client.mset(dict.fromkeys(names, creation(0)))
    stretches = list(sweep(client, prefix, Swept()))
    assert sum(stretches) == 1_000
    assert len(stretches) >= 10
    assert max(stretches) <= 2 * 50


def test_the_sizes_are_the_servers(client: Client, prefix: str) -> None:
    """Keys and bytes grow with what is kept; without a limit there is none."""
    before = read_sizes(client)
    client.set(f"{prefix}:answer:a:b:c", bytes(1 << 20))
    after = read_sizes(client)
    assert after.entries == before.entries + 1
    assert after.used_bytes - before.used_bytes > 1 << 19
    assert (after.limit_bytes, after.evictions) == (None, 0)


def test_a_full_server_tells_its_limit_and_what_it_gave_up(mortal_redis: RedisServer) -> None:
    """As the embedded one is set up."""
    client = connect(mortal_redis.url)
    client.config_set("maxmemory-policy", "allkeys-lru")
    limit_bytes = int(client.info("memory")["used_memory"]) + (1 << 20)
    client.config_set("maxmemory", limit_bytes)
    for number in range(100):
        client.set(f"millrace:answer:a:b:{number}", bytes(1 << 16))
    sizes = read_sizes(client)
    client.close()
    assert sizes.limit_bytes == limit_bytes
    assert sizes.evictions > 50
    assert sizes.entries == 100 - sizes.evictions
