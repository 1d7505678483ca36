"""Where the API may listen, and with which keys."""

from __future__ import annotations

import pytest

from tasks.front_door import is_loopback, why_not_key, why_not_listen


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_this_machine_alone_needs_no_key(host: str) -> None:
    """Whatever the loopback address is called."""
    assert is_loopback(host)
    assert why_not_listen(host, auth="auto", has_key=False) is None


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.0.2.1", "[2001:db8::1]", "no such host", "x" * 300, "0"]
)
def test_any_other_address_needs_a_key(host: str) -> None:
    """The message names the address and each remedy; a name that leads nowhere is no exception."""
    said = why_not_listen(host, auth="auto", has_key=False)
    assert said is not None
    for remedy in ("MILLRACE_API_KEY", "MILLRACE_ADMIN_KEY", "MILLRACE_AUTH=open", "127.0.0.1"):
        assert remedy in said
    assert f"MILLRACE_API_HOST={host} " in said
    assert why_not_listen(host, auth="auto", has_key=True) is None
    assert why_not_listen(host, auth="open", has_key=False) is None


@pytest.mark.parametrize("key", ["", "short", "fifteen-letters", "sixteen letters!", "ö" * 16])
def test_a_key_that_could_be_guessed_is_refused_without_showing_it(key: str) -> None:
    """The message names the variable."""
    said = why_not_key("MILLRACE_API_KEY", key)
    assert said is not None
    assert said.startswith("MILLRACE_API_KEY must")
    assert not key or key not in said


def test_sixteen_characters_will_do() -> None:
    """Of visible ASCII."""
    assert why_not_key("MILLRACE_API_KEY", "0123456789abcde~") is None
