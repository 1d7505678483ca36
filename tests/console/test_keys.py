"""``millrace keys``."""

from __future__ import annotations

import json
import re

import pytest

from tasks.api_keys import Register, could_be_key, digest_of
from tasks.jobs import Priority
from tasks.ledger import Ledger
from tests.console.conftest import Millrace
from tests.console.lives import Lives


@pytest.fixture
def register(ledger: Ledger) -> Register:
    """What the command writes to."""
    return Register(ledger.redis, ledger.settings)


def test_a_key_is_alone_on_its_line(millrace: Millrace, register: Register) -> None:
    """For a shell's variable; what is said about it goes to stderr, without it."""
    result = millrace("keys", "create", "alice")
    assert result.exit_code == 0, result.output
    secret = result.stdout.removesuffix("\n")
    assert could_be_key(secret)
    found = register.find(digest_of(secret))
    assert found is not None
    assert (found.owner, found.models, found.expires_at) == ("alice", (), None)
    assert found.id in result.stderr
    assert secret not in result.stderr


def test_the_first_key_says_what_it_changes(millrace: Millrace) -> None:
    """The others need not."""
    assert "every request needs a key" in millrace("keys", "create", "alice").stderr
    assert "every request needs a key" not in millrace("keys", "create", "bob").stderr


def test_a_key_is_worth_what_the_options_say(
    millrace: Millrace, lives: Lives, register: Register
) -> None:
    """Each of them."""
    result = millrace(
        *("keys", "create", "alice", "--name", "laptop", "--model", lives.model),
        *("--rpm", "60", "--tpm", "1000", "--most-open", "4", "--priority", "background"),
        *("--expires", "2h", "--json"),
    )
    document = json.loads(result.stdout)
    found = register.find(digest_of(document["key"]))
    assert found is not None
    assert (found.name, found.models) == ("laptop", (lives.model,))
    assert (found.requests_per_minute, found.tokens_per_minute, found.most_open) == (60, 1000, 4)
    assert found.priority is Priority.BACKGROUND
    assert found.expires_at == pytest.approx(found.created_at + 7_200)
    assert (document["id"], document["priority"]) == (found.id, "background")


@pytest.mark.parametrize(
    ("options", "said", "status"),
    [
        (("a b",), "owner", 2),
        (("alice", "--model", "nothing"), "There is no model 'nothing'", 1),
        (("alice", "--rpm", "0"), "--rpm", 2),
        (("alice", "--rpm", "99999999999"), "requests_per_minute", 2),
        (("alice", "--priority", "urgent"), "interactive, background, batch", 2),
        (("alice", "--expires", "soon"), "--expires", 2),
        (("alice", "--expires", "0d"), "--expires", 2),
        (("alice", "--expires", "999999999d"), "--expires", 2),
        (("alice", "--name", "x" * 101), "name", 2),
        ((), "OWNER", 2),
    ],
)
def test_a_fault_is_named_and_makes_no_key(
    millrace: Millrace, register: Register, options: tuple[str, ...], said: str, status: int
) -> None:
    """In a line, without a traceback; and the API stays as it was."""
    result = millrace("keys", "create", *options)
    assert result.exit_code == status
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert not register.asked_for()


def test_keys_are_listed_without_themselves(millrace: Millrace) -> None:
    """By what they are known by; of one owner alone where that is asked."""
    secrets = [millrace("keys", "create", owner).stdout.strip() for owner in ("alice", "bob")]
    result = millrace("keys", "list")
    lines = result.stdout.splitlines()[1:]
    assert [line.split()[2] for line in lines] == ["alice", "bob"]
    assert [line.split()[1] for line in lines] == [secret[-4:] for secret in secrets]
    assert not any(secret in result.output for secret in secrets)
    assert len(millrace("keys", "list", "--owner", "bob").stdout.splitlines()) == 2


def test_keys_are_one_json_array(millrace: Millrace) -> None:
    """With what the table has no room for."""
    secret = millrace("keys", "create", "alice", "--expires", "90d").stdout.strip()
    result = millrace("keys", "list", "--json")
    [key] = json.loads(result.stdout)
    assert (key["owner"], key["priority"], key["expired"]) == ("alice", "interactive", False)
    assert key["expires_at"] - key["created_at"] == pytest.approx(90 * 86_400)
    assert secret not in result.stdout


def test_revoked_keys_are_gone(millrace: Millrace, register: Register) -> None:
    """One that is not there stops none of the others, and is status 1."""
    keys = [register.find(digest_of(millrace("keys", "create", "alice").stdout.strip()))] * 1
    keys.append(register.find(digest_of(millrace("keys", "create", "bob").stdout.strip())))
    ids = [key.id for key in keys if key]
    result = millrace("keys", "revoke", ids[0], "key_nothing", ids[1])
    assert result.exit_code == 1
    assert re.findall(r"of (\w+) revoked", result.stdout) == ["alice", "bob"]
    assert "There is no key 'key_nothing'" in result.stderr
    assert register.all() == []


def test_a_redis_that_is_away_is_a_line(
    millrace: Millrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 2, as of every command."""
    monkeypatch.setenv("MILLRACE_QUEUE_URL", "redis://127.0.0.1:1/0")
    for command in (("create", "alice"), ("list",), ("revoke", "key_1")):
        result = millrace("keys", *command)
        assert result.exit_code == 2
        assert "Cannot reach the queue's Redis" in result.stderr
