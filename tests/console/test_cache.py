"""``millrace cache``: the table, and forgetting what is kept."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.cache_counts import Counts
from tasks.cache_names import creation, key
from tasks.connection import Client, connect
from tasks.settings import QueueSettings
from tests.conftest import RedisServer, free_port
from tests.console.conftest import Millrace


@pytest.fixture
def cache(mortal_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A cache of the test's own, which the command finds."""
    monkeypatch.setenv("MILLRACE_CACHE_URL", mortal_redis.url)
    client = connect(mortal_redis.url)
    yield client
    client.close()


@pytest.fixture
def counts(client: Client, settings: QueueSettings) -> Iterator[Counts]:
    """What an API process counts."""
    counts = Counts(client, settings)
    yield counts
    counts.close()


def keep(cache: Client, settings: QueueSettings, model: str, owner: str, age_s: float) -> None:
    """An answer of that age."""
    name = key(settings.key_prefix, "answer", model, owner, f"{age_s}")
    cache.set(name, creation(time.time() - age_s))


def row(output: str, name: str) -> list[str]:
    """The cells of a line."""
    found = re.search(rf"^{name} .*$", output, re.MULTILINE)
    return re.split(r" {2,}", found[0].strip()) if found else []


def test_the_counters_are_a_table(millrace: Millrace, cache: Client, counts: Counts) -> None:
    """A line per model and one for all; a dash where nothing was looked for; sizes below."""
    counts.hit("echo", 1_500)
    counts.miss("echo", 500)
    counts.store("echo", 400)
    counts.coalesced("other", 0)
    counts.bypass("other", 7)
    counts.flush()
    cache.config_set("maxmemory", 64 << 20)
    cache.set("x", "y")
    result = millrace("cache")
    assert result.exit_code == 0, result.output
    assert row(result.stdout, "echo") == ["echo", "1,500", "500", "0", "0", "75.0%", "400"]
    assert row(result.stdout, "other") == ["other", "0", "0", "0", "7", "-", "0"]
    assert row(result.stdout, "all") == ["all", "1,500", "500", "0", "7", "75.0%", "400"]
    assert re.search(r"^1 entry, .* of 64 MiB, 0 evictions since its start$", result.stdout, re.M)


def test_the_counters_are_json_for_programs(
    millrace: Millrace, cache: Client, counts: Counts
) -> None:
    """All models together, each of them, and the server."""
    counts.hit("echo")
    counts.flush()
    told = json.loads(millrace("cache", "--json").stdout)
    assert (told["answers"], told["hits"], told["hit_rate"]) == (True, 1, 1.0)
    assert told["models"]["echo"]["misses"] == 0
    assert (told["server"]["entries"], told["server"]["limit_bytes"]) == (0, None)


def test_a_cache_that_is_away_is_said_and_no_error(
    millrace: Millrace, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counters are shown; the address is, the password is not."""
    address = f"127.0.0.1:{free_port()}/0"
    monkeypatch.setenv("MILLRACE_CACHE_URL", f"redis://user:password@{address}")
    counts.bypass("echo", 3)
    counts.flush()
    result = millrace("cache")
    assert result.exit_code == 0, result.output
    assert row(result.stdout, "echo")[4] == "3"
    assert f"redis://{address}" in result.stdout
    assert "The cache does not answer" in result.stdout
    assert "password" not in result.output


@pytest.mark.parametrize(
    ("options", "deleted"),
    [
        ([], "5 entries"),
        (["--owner", "ann"], "3 entries"),
        (["--older-than", "60"], "1 entry"),
        (["--owner", "bob", "--older-than", "60"], "0 entries"),
    ],
)
def test_clearing_forgets_what_the_options_name(
    millrace: Millrace, cache: Client, settings: QueueSettings, options: list[str], deleted: str
) -> None:
    """And says how many; without options all."""
    for owner, age_s in (("ann", 0), ("ann", 1), ("ann", 3600), ("bob", 0), ("bob", 1)):
        keep(cache, settings, "m", owner, age_s)
    result = millrace("cache", "clear", *options)
    assert (result.exit_code, result.stdout) == (0, f"{deleted} deleted.\n")
    assert cache.dbsize() == 5 - int(deleted.split(maxsplit=1)[0])


def test_clearing_takes_an_alias(
    millrace: Millrace, cache: Client, settings: QueueSettings, tmp_path: Path
) -> None:
    """Of its model, and no other model's."""
    catalog = tmp_path / "models.toml"
    catalog.write_text(
        '[[model]]\nname = "m"\naliases = ["gpt"]\nkind = "chat"\nsource = "echo:"\n'
    )
    keep(cache, settings, "m", "ann", 0)
    keep(cache, settings, "n", "ann", 0)
    assert millrace("cache", "clear", "--model", "gpt").stdout == "1 entry deleted.\n"
    assert cache.dbsize() == 1


def test_clearing_an_unknown_model_is_refused(
    millrace: Millrace, cache: Client, settings: QueueSettings
) -> None:
    """Status 1, and nothing is cleared."""
    keep(cache, settings, "nobody", "ann", 0)
    result = millrace("cache", "clear", "--model", "nobody")
    assert (result.exit_code, cache.dbsize()) == (1, 1)
    assert "There is no model 'nobody'" in result.stderr


def test_clearing_a_cache_that_is_away_is_one_clear_line(
    millrace: Millrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 2, the variable to look at, and no password."""
    monkeypatch.setenv("MILLRACE_CACHE_URL", f"redis://u:password@127.0.0.1:{free_port()}/0")
    result = millrace("cache", "clear")
    assert result.exit_code == 2
    assert result.stderr.startswith("Cannot reach the cache's Redis at redis://127.0.0.1:")
    assert "MILLRACE_CACHE_URL" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "password" not in result.output


def test_a_cache_url_that_is_none_is_said_without_it(
    millrace: Millrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold a password."""
    monkeypatch.setenv("MILLRACE_CACHE_URL", "http://u:password@host")
    for command in (["cache"], ["cache", "clear"]):
        result = millrace(*command)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert "MILLRACE_CACHE_URL is no Redis URL" in result.stderr
        assert "password" not in result.output
