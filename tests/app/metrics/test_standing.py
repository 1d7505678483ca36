"""How the place stands, where Redis holds what another release wrote otherwise."""

from __future__ import annotations

import pytest

from app.metrics.standing import Standing
from app.settings import ApiSettings
from tasks.gateway import Gateway
from tasks.keys import Keys
from tasks.settings import QueueSettings


@pytest.mark.parametrize("part", ["workers", "nodes", "cache_counts"])
def test_a_row_that_cannot_be_read_hides_no_other_part(
    gateway: Gateway, settings: QueueSettings, part: str
) -> None:
    """A scrape tells the rest, and is answered."""
    keys = Keys(settings.key_prefix)
    queue = next(iter(gateway.catalog)).queue
    key = {"workers": keys.workers(queue), "nodes": keys.nodes, "cache_counts": keys.cache_counts}
    gateway.redis.hset(key[part], mapping={"hit:m": "[]", "odd": "[]"})
    standing = Standing(ApiSettings.model_validate(settings.model_dump()), gateway)
    assert {"millrace_jobs_open", "millrace_redis_up"} <= {
        each.name for each in standing.families()
    }
