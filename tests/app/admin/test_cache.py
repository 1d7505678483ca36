"""The cache through the admin API: what it did and holds, and forgetting it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import ApiSettings
from tasks.cache_counts import Counts
from tasks.cache_names import KINDS, creation, key
from tasks.connection import Client, connect
from tasks.gateway import Gateway
from tests.app.admin.box import BEARER, Operator
from tests.conftest import RedisServer

ALIAS = 'name = "absent"\naliases = ["gpt"]'
HOUR_S = 3600


@pytest.fixture
def api_settings(
    api_settings: ApiSettings, mortal_redis: RedisServer, tmp_path: Path
) -> ApiSettings:
    """The cache on a server of its own, and a model with another name."""
    models = tmp_path / "models.toml"
    models.write_text(models.read_text().replace('name = "absent"', ALIAS))
    return api_settings.model_copy(update={"cache_url": mortal_redis.url})


@pytest.fixture
def kept(mortal_redis: RedisServer, api_settings: ApiSettings) -> Iterator[Client]:
    """The cache with an answer and a vector of two models and owners each, new and an hour old."""
    client = connect(mortal_redis.url)
    for model in ("echo", "absent"):
        for owner in ("ann", "bob"):
            for age_s in (0, HOUR_S):
                for kind in KINDS:
                    name = key(api_settings.key_prefix, kind, model, owner, str(age_s))
                    client.set(name, creation(time.time() - age_s))
    yield client
    client.close()


def cleared(operator: Operator, query: str = "") -> Any:
    """The answer to a request that clears."""
    return operator.http.delete(f"/admin/cache{query}", headers=BEARER)


def test_the_counters_are_shown_in_all_and_by_model(
    operator: Operator, gateway: Gateway, api_settings: ApiSettings
) -> None:
    """With the share of hits, and null where nothing was looked for."""
    counts = Counts(gateway.redis, api_settings)
    counts.hit("echo", 3)
    counts.miss("echo", 1)
    counts.store("echo", 1)
    counts.miss("absent", 1)
    counts.coalesced("absent", 1)
    counts.bypass("echo-embed", 5)
    counts.close()
    told = operator.get("cache")
    echo = {"hits": 3, "misses": 1, "stores": 1, "coalesced": 0, "bypassed": 0}
    assert [told[name] for name in (*echo, "hit_rate")] == [3, 2, 1, 1, 5, 0.5]
    assert [row["model"] for row in told["models"]] == ["absent", "echo", "echo-embed"]
    assert told["models"][1] == {"model": "echo", **echo, "hit_rate": 0.75}
    assert told["models"][2]["hit_rate"] is None


def test_the_sizes_and_the_settings_are_shown(operator: Operator, kept: Client) -> None:
    """Entries, bytes and their limit, evictions; what is kept at all, and for how long."""
    kept.config_set("maxmemory", 64 << 20)
    told = operator.get("cache")
    server = told["server"]
    assert (server["answers"], server["entries"]) == (True, 16)
    assert (server["limit_bytes"], server["evictions"]) == (64 << 20, 0)
    assert 0 < server["used_bytes"] < 64 << 20
    assert (told["keeps"], told["ttl_s"]) == ("deterministic", 86_400)


@pytest.mark.parametrize(
    ("query", "deleted"),
    [
        ("", 16),
        ("?model=echo", 8),
        ("?model=gpt", 8),
        ("?owner=ann", 8),
        ("?model=absent&owner=bob", 4),
        ("?older_than_s=60.5", 8),
        ("?model=echo&owner=ann&older_than_s=60", 2),
        ("?older_than_s=7200", 0),
        ("?owner=carl", 0),
    ],
)
def test_what_the_query_names_is_forgotten(
    operator: Operator, kept: Client, query: str, deleted: int
) -> None:
    """By model (an alias stands for it), owner, age, together, or all; and it says how many."""
    response = cleared(operator, query)
    assert response.status_code == 200
    assert (response.json["object"], response.json["deleted"]) == ("cache.cleared", deleted)
    assert kept.dbsize() == 16 - deleted


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("?modle=echo", "modle"),
        ("?model=", "model"),
        ("?owner=", "owner"),
        ("?owner=ann&owner=bob", "owner"),
        ("?older_than_s=", "older_than_s"),
        ("?older_than_s=-1", "older_than_s"),
        ("?older_than_s=1h", "older_than_s"),
        ("?older_than_s=nan", "older_than_s"),
        ("?older_than_s=1e3", "older_than_s"),
        ("?older_than_s=99999999999", "older_than_s"),
    ],
)
def test_what_cannot_be_read_clears_nothing(
    operator: Operator, kept: Client, query: str, param: str
) -> None:
    """400 that names the parameter, also one that nobody knows."""
    response = cleared(operator, query)
    assert (response.status_code, response.json["error"]["param"]) == (400, param)
    assert kept.dbsize() == 16


def test_an_unknown_model_is_a_404(operator: Operator, kept: Client) -> None:
    """And nothing is cleared."""
    response = cleared(operator, "?model=nobody")
    assert (response.status_code, response.json["error"]["code"]) == (404, "model_not_found")
    assert kept.dbsize() == 16


def test_a_cache_that_is_away_is_told(
    operator: Operator, gateway: Gateway, api_settings: ApiSettings, mortal_redis: RedisServer
) -> None:
    """Reading shows the counters all the same; clearing is a 503 to try again."""
    counts = Counts(gateway.redis, api_settings)
    counts.bypass("echo", 2)
    counts.close()
    mortal_redis.kill()
    told = operator.get("cache")
    assert told["server"] == {
        "answers": False,
        **dict.fromkeys(("entries", "used_bytes", "limit_bytes", "evictions")),
    }
    assert told["bypassed"] == 2
    response = cleared(operator)
    error = response.json["error"]
    assert (response.status_code, error["code"]) == (503, "cache_unavailable")
    assert error["type"] == "unavailable_error"
    assert "Retry-After" in response.headers
    mortal_redis.start()
    assert cleared(operator).status_code == 200


def test_clearing_is_logged_with_what_went(
    operator: Operator, kept: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Who asked, what for, and how many entries that were."""
    caplog.set_level(logging.INFO)
    cleared(operator, "?model=gpt&older_than_s=60")
    [line] = [str(each.msg) for each in caplog.records if "admin cache cleared" in str(each.msg)]
    for fact in ("absent", "60.0", "'deleted': 4", "127.0.0.1"):
        assert fact in line
