"""The register of API keys: what lies in Redis, and what of it can be had again."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import msgspec
import pytest

from tasks.api_keys import (
    ApiKey,
    Register,
    UnusableKey,
    could_be_key,
    digest_of,
)
from tasks.connection import Client
from tasks.jobs import Priority
from tasks.keys import Keys
from tasks.settings import QueueSettings


@pytest.fixture
def register(client: Client, settings: QueueSettings) -> Register:
    """An empty register."""
    return Register(client, settings)


def draft(owner: str = "alice", **worth: object) -> ApiKey:
    """A key to be."""
    return ApiKey(id="", owner=owner, **worth)  # type: ignore[arg-type]


def test_a_key_is_found_by_its_digest_alone(register: Register) -> None:
    """With everything that it was made with."""
    made = register.create(
        draft(
            name="laptop",
            models=("echo",),
            requests_per_minute=1,
            tokens_per_minute=2,
            most_open=3,
            priority=Priority.BATCH,
        )
    )
    found = register.find(hashlib.sha256(made.secret.encode()).hexdigest())
    assert found == made.key
    assert (found.owner, found.models, found.priority) == ("alice", ("echo",), Priority.BATCH)
    assert (found.requests_per_minute, found.tokens_per_minute, found.most_open) == (1, 2, 3)
    assert found.hint == made.secret[-4:]
    assert found.created_at > 0


def test_no_two_keys_are_alike_and_none_is_short(register: Register) -> None:
    """256 random bits behind the mark, in letters that a URL may hold."""
    secrets = {register.create(draft()).secret for _ in range(50)}
    assert len(secrets) == 50
    assert all(could_be_key(secret) and len(secret) == 46 for secret in secrets)


def test_redis_never_holds_a_key(
    register: Register, client: Client, settings: QueueSettings
) -> None:
    """Neither whole nor in part, but for the last four characters that people know it by."""
    made = register.create(draft())
    entries = client.hgetall(Keys(settings.key_prefix).api_keys)
    stored = b" ".join([*entries, *entries.values()]).decode()
    assert made.secret not in stored
    assert made.secret[3:20] not in stored
    assert made.secret not in repr(made)


def test_a_revoked_key_is_gone_with_its_budget(
    register: Register, client: Client, settings: QueueSettings
) -> None:
    """Once: the second time there is none of that id."""
    made, other = register.create(draft()), register.create(draft())
    client.hset(Keys(settings.key_prefix).budget(made.key.id), "requests", "1")
    assert register.revoke(made.key.id) == made.key
    assert register.find(digest_of(made.secret)) is None
    assert not client.exists(Keys(settings.key_prefix).budget(made.key.id))
    assert register.revoke(made.key.id) is None
    assert register.all() == [other.key]


def test_of_many_who_revoke_a_key_one_does(register: Register) -> None:
    """The others are told that there is none."""
    key_id = register.create(draft()).key.id
    told: list[ApiKey | None] = []
    threads = [
        threading.Thread(target=lambda: told.append(register.revoke(key_id))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(key is not None for key in told) == 1


def test_keys_are_asked_for_from_the_first_one_on(register: Register) -> None:
    """Also when it has been revoked: that must not open the place."""
    assert not register.asked_for()
    made = register.create(draft())
    assert register.asked_for()
    register.revoke(made.key.id)
    assert register.all() == []
    assert register.asked_for()


def test_a_key_lives_for_as_long_as_was_said(register: Register) -> None:
    """By the clock of Redis, which all that make keys share."""
    key = register.create(draft(), expires_after_s=60).key
    assert key.expires_at is not None
    assert key.expires_at == pytest.approx(key.created_at + 60)
    assert not key.expired(key.created_at + 59)
    assert key.expired(key.created_at + 60)


@pytest.mark.parametrize(
    "owner",
    ["", "a b", "a:b", "a\n", "\x00", "ö", "-a", ".", "a" * 65, "a*", "{a}", "a/b", "a\u202e"],
)
def test_an_owner_that_would_break_a_redis_key_is_refused(register: Register, owner: str) -> None:
    """Owners are parts of names and of members that a space ends."""
    with pytest.raises(UnusableKey) as refused:
        register.create(draft(owner))
    assert refused.value.field == "owner"
    assert register.all() == []
    assert not register.asked_for()


@pytest.mark.parametrize(
    ("field", "worth"),
    [
        ("name", {"name": "x" * 101}),
        ("name", {"name": "a\x1b[2J"}),
        ("models", {"models": tuple(map(str, range(101)))}),
        ("requests_per_minute", {"requests_per_minute": 0}),
        ("tokens_per_minute", {"tokens_per_minute": -1}),
        ("most_open", {"most_open": 2**31}),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    register: Register, field: str, worth: dict[str, Any]
) -> None:
    """By the field at fault."""
    with pytest.raises(UnusableKey) as refused:
        register.create(draft(**worth))
    assert refused.value.field == field


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"id":"x"}', b"\xff", b'{"owner":1}'])
def test_a_damaged_record_opens_nothing(
    register: Register, client: Client, settings: QueueSettings, record: bytes
) -> None:
    """And leaves the others as they are."""
    made = register.create(draft())
    client.hset(Keys(settings.key_prefix).api_keys, digest_of("broken"), record)
    assert register.find(digest_of("broken")) is None
    assert register.all() == [made.key]


def test_a_record_of_a_later_release_can_be_read(
    register: Register, client: Client, settings: QueueSettings
) -> None:
    """Fields that are not known here are skipped, as everywhere in the ledger."""
    record = msgspec.json.encode({"id": "key_1", "owner": "alice", "colour": "blue"})
    client.hset(Keys(settings.key_prefix).api_keys, digest_of("later"), record)
    found = register.find(digest_of("later"))
    assert found == ApiKey(id="key_1", owner="alice")


@pytest.mark.parametrize("text", ["", "none", "mr-", "mr-" + "a" * 42, "mr-" + "a" * 44])
def test_other_texts_are_told_from_keys_by_their_form(text: str) -> None:
    """They need not be looked up."""
    assert not could_be_key(text)
