"""The names of what the cache keeps."""

from __future__ import annotations

import pytest

from tasks import cache_names
from tasks.connection import Client


@pytest.mark.parametrize("kind", cache_names.KINDS)
def test_a_name_holds_neither_model_nor_owner_nor_secret(kind: cache_names.Kind) -> None:
    """Sixteen hex digits stand for each of them, and the digest comes last."""
    name = cache_names.key("mill", kind, "a:model", "somebody", "d1")
    prefix, told, model, owner, digest = name.split(":")
    assert (prefix, told, digest) == ("mill", kind, "d1")
    assert (model, owner) == (cache_names.short("a:model"), cache_names.short("somebody"))
    assert {len(model), len(owner)} == {16}
    assert "somebody" not in name


@pytest.mark.parametrize("prefix", ["mill", "a*", "[ab]", "what?", "back\\slash"])
def test_a_pattern_matches_the_names_of_its_prefix_alone(client: Client, prefix: str) -> None:
    """Letters of the prefix that mean something in a pattern mean themselves."""
    ours = [cache_names.key(prefix, kind, "m", "o", "d") for kind in cache_names.KINDS]
    others = ["ax:answer:m:o:d", "whatx:vector:m:o:d", f"{prefix}:job:1"]
    client.mset(dict.fromkeys([*ours, *others], ""))
    found = set(client.scan_iter(match=cache_names.pattern(prefix), count=1_000))
    client.delete(*ours, *others)
    assert found == {name.encode() for name in ours}


def test_a_value_begins_with_its_time() -> None:
    """Eight bytes, little-endian; what follows does not matter."""
    begin = cache_names.creation(1_700_000_000.25)
    assert begin == bytes.fromhex("00001040fc54d941")
    assert cache_names.created_at_s(begin + b"the rest") == 1_700_000_000.25


def test_what_is_too_short_has_no_time() -> None:
    """Another program's value, say."""
    assert cache_names.created_at_s(b"1234567") is None
