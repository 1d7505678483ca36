"""Who is asking: what an ``Authorization`` header is worth."""

from __future__ import annotations

import string
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.keys.errors import WrongKey
from app.keys.who import ADMIN, ENVIRONMENT, Keys
from app.settings import ApiSettings
from tasks.api_keys import ApiKey, Created, Register, digest_of
from tasks.connection import Client, connect
from tasks.errors import QueueUnavailable
from tasks.keys import Keys as Names
from tasks.settings import QueueSettings
from tests.app.keys.conftest import ADMIN_KEY, API_KEY
from tests.conftest import RedisServer


class Place:
    """Keys over a queue of the test's own, with a clock that the test may move."""

    def __init__(self, settings: QueueSettings, client: Client) -> None:
        self.settings, self.client = settings, client
        self.register = Register(client, settings)
        self.later_s = 0.0

    def make(self, owner: str = "alice", **given: Any) -> Created:
        expires_after_s = given.pop("expires_after_s", None)
        return self.register.create(
            ApiKey(id="", owner=owner, **given), expires_after_s=expires_after_s
        )

    def keys(self, **changes: Any) -> Keys:
        fields = self.settings.model_dump() | changes
        return Keys(
            ApiSettings.model_validate(fields),
            self.client,
            now_s=lambda: time.time() + self.later_s,
            clock=lambda: time.monotonic() + self.later_s,
        )


@pytest.fixture
def place(settings: QueueSettings, client: Client) -> Place:
    """Nobody has a key yet."""
    return Place(settings, client)


def test_nobody_needs_a_key_until_there_is_one(place: Place) -> None:
    """On the loopback address; what clients send all the same is not looked at."""
    keys = place.keys()
    for sent in ("", "Bearer none", "Bearer sk-" + "x" * 40, "Basic abc"):
        assert keys.who(sent) is None
    assert not keys.asks


def test_everybody_needs_a_key_once_there_is_one(place: Place) -> None:
    """Within a second, in a process that did not make it."""
    keys = place.keys()
    assert keys.who("Bearer none") is None
    made = place.make()
    assert keys.who(f"Bearer {made.secret}") == made.key
    time.sleep(1)
    with pytest.raises(WrongKey):
        keys.who("Bearer none")
    assert keys.who(f"Bearer {made.secret}") == made.key


def test_the_last_key_that_is_revoked_opens_nothing(place: Place) -> None:
    """Taking a leaked key back is no invitation."""
    made = place.make()
    place.register.revoke(made.key.id)
    with pytest.raises(WrongKey):
        place.keys().who("")


def test_a_revoked_key_is_worth_nothing_within_a_second(place: Place) -> None:
    """In a process that has just used it."""
    made, keys = place.make(), place.keys()
    assert keys.who(f"Bearer {made.secret}") == made.key
    place.register.revoke(made.key.id)
    time.sleep(0.95)
    with pytest.raises(WrongKey):
        keys.who(f"Bearer {made.secret}")


def test_a_known_key_is_not_looked_up_again(place: Place, settings: QueueSettings) -> None:
    """A thousand requests within a second cost Redis one question about it."""
    made, keys = place.make(), place.keys()
    keys.who(f"Bearer {made.secret}")
    before = place.client.info("commandstats")["cmdstat_hget"]["calls"]
    for _ in range(1_000):
        keys.who(f"Bearer {made.secret}")
    after = place.client.info("commandstats")["cmdstat_hget"]["calls"]
    # Others may ask the same server; a thousand they are not.
    assert after - before < 100


def test_an_expired_key_is_worth_nothing(place: Place) -> None:
    """From its last second on, although it was seen a moment before."""
    made, keys = place.make(expires_after_s=5), place.keys()
    assert keys.who(f"Bearer {made.secret}") == made.key
    place.later_s = 5.5
    with pytest.raises(WrongKey):
        keys.who(f"Bearer {made.secret}")


def test_beyond_this_machine_a_key_is_needed_from_the_start(place: Place) -> None:
    """Also where none was ever made."""
    keys = place.keys(api_host="0.0.0.0")
    with pytest.raises(WrongKey):
        keys.who("")
    assert keys.listens_beyond


def test_open_asks_for_nothing(place: Place) -> None:
    """Whatever there is, and wherever it listens."""
    made = place.make()
    keys = place.keys(auth="open", api_host="0.0.0.0", api_key=API_KEY)
    for sent in ("", "Bearer none", f"Bearer {made.secret}"):
        assert keys.who(sent) is None


def test_the_keys_of_the_environment_are_the_local_owners(place: Place) -> None:
    """The API's own and the administrator's, without limits; and one of them makes all ask."""
    keys = place.keys(api_key=API_KEY, admin_key=ADMIN_KEY)
    assert keys.who(f"Bearer {API_KEY}") == ENVIRONMENT
    assert keys.who(f"bearer  {ADMIN_KEY} ") == ADMIN
    assert {ENVIRONMENT.owner, ADMIN.owner} == {"local"}
    with pytest.raises(WrongKey):
        keys.who("")


def test_an_admin_key_alone_asks_nobody(place: Place) -> None:
    """On the loopback address, as before there were keys."""
    assert place.keys(admin_key=ADMIN_KEY).who("Bearer none") is None


@pytest.mark.parametrize(
    "change",
    [str.upper, str.lower, lambda key: key[:-1], lambda key: key + "x", lambda key: key[3:]],
)
def test_a_key_is_right_or_wrong(place: Place, change: Any) -> None:
    """Nearly is not enough."""
    made = place.make()
    wrong = change(made.secret)
    assert wrong != made.secret
    with pytest.raises(WrongKey):
        place.keys().who(f"Bearer {wrong}")


@hypothesis_settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(
        st.text(max_size=200),
        st.text(string.ascii_letters + string.digits + "_-", min_size=43, max_size=43).map(
            lambda text: f"Bearer mr-{text}"
        ),
        st.binary(max_size=100).map(lambda data: "Bearer " + data.decode("latin-1")),
        st.sampled_from(["Bearer", "Bearer ", "Bearer\t", "bearer , Bearer x", "Bearer \x00"]),
        st.integers(1, 100_000).map(lambda size: "Bearer " + "x" * size),
    )
)
def test_no_header_is_let_in_or_breaks_anything(place: Place, sent: str) -> None:
    """Whatever a stranger writes is refused as wrong."""
    keys = place.keys(api_key=API_KEY)
    with pytest.raises(WrongKey):
        keys.who(sent)


def test_a_digest_is_no_key(place: Place) -> None:
    """Who reads Redis cannot ask with what lies there."""
    made = place.make()
    for sent in (digest_of(made.secret), made.key.id, made.key.hint, "asked_since"):
        with pytest.raises(WrongKey):
            place.keys().who(f"Bearer {sent}")


def test_a_damaged_record_opens_nothing(place: Place, settings: QueueSettings) -> None:
    """As if the key had been revoked."""
    made = place.make()
    place.client.hset(Names(settings.key_prefix).api_keys, digest_of(made.secret), b"\xff{")
    with pytest.raises(WrongKey):
        place.keys().who(f"Bearer {made.secret}")


def test_who_was_known_goes_on_while_redis_is_away(
    mortal_redis: RedisServer, settings: QueueSettings
) -> None:
    """For a minute; a stranger is asked to come again; and a new Redis is believed at once."""
    own = settings.model_copy(update={"queue_url": mortal_redis.url})
    client = connect(mortal_redis.url, timeout_s=0.5)
    place = Place(own, client)
    made, other, keys = place.make(), place.make("bob"), place.keys()
    assert keys.who(f"Bearer {made.secret}") == made.key
    mortal_redis.kill()
    place.later_s += 1
    assert keys.who(f"Bearer {made.secret}") == made.key
    with pytest.raises(QueueUnavailable):
        keys.who(f"Bearer {other.secret}")
    place.later_s += 60
    with pytest.raises(QueueUnavailable):
        keys.who(f"Bearer {made.secret}")
    mortal_redis.start()
    place.later_s += 1
    assert keys.who(f"Bearer {other.secret}") == other.key
    client.close()


def test_whether_keys_are_asked_for_is_not_guessed(
    mortal_redis: RedisServer, settings: QueueSettings
) -> None:
    """A process that never saw Redis lets nobody in; one that did remembers."""
    own = settings.model_copy(update={"queue_url": mortal_redis.url})
    client = connect(mortal_redis.url, timeout_s=0.5)
    place = Place(own, client)
    known = place.keys()
    assert known.who("") is None
    mortal_redis.kill()
    place.later_s += 3_600
    assert known.who("") is None
    with pytest.raises(QueueUnavailable):
        place.keys().who("")
    client.close()
