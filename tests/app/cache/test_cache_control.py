"""What a request's ``Cache-Control`` asks for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cache.cache_control import ANYTHING, CacheControl, cache_control_of


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        (None, ANYTHING),
        ("", ANYTHING),
        ("no-cache", CacheControl(no_cache=True)),
        ("No-Store", CacheControl(no_store=True)),
        ("no-cache, no-store", CacheControl(no_cache=True, no_store=True)),
        ("max-age=60", CacheControl(max_age_s=60)),
        ('max-age="60"', CacheControl(max_age_s=60)),
        ("max-age = 60 ,no-store", CacheControl(max_age_s=60, no_store=True)),
        ("only-if-cached", CacheControl(only_if_cached=True)),
        ("max-stale=5, min-fresh=3, private, x-y=z", ANYTHING),
        (",,", ANYTHING),
    ],
)
def test_directives_are_read_as_http_has_them(header: str | None, asked: CacheControl) -> None:
    """In any case, with spaces and quotes; what is not known says nothing."""
    assert cache_control_of(header) == asked


@pytest.mark.parametrize("age", ["0", "", "-1", "1.5", "soon", "²"])
def test_an_age_that_cannot_be_read_is_none(age: str) -> None:
    """Its client gets a fresh answer."""
    assert cache_control_of(f"max-age={age}") == CacheControl(no_cache=True, max_age_s=0)


@settings(deadline=None)
@given(st.text())
def test_no_header_is_too_odd(header: str) -> None:
    """Whatever a client sends is read, and a long number is a long time."""
    cache_control_of(header)
    age_s = cache_control_of(f"max-age={'9' * 50}").max_age_s
    assert age_s is not None
    assert age_s > 10**9
