"""Data URLs: what was put in comes out, and nothing else is taken for one."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.images.data_url import decode, is_data_url
from app.images.refusal import ImageRefused
from tests.app.images.files import data_url

MOST = 1_000
TYPES = st.from_regex(
    r"([a-z]{1,9}/[a-z+.-]{1,9}(;[a-z]{1,7}=[a-zA-Z0-9-]{1,7})?)?", fullmatch=True
)


@given(content=st.binary(min_size=1, max_size=200), kind=TYPES)
def test_any_content_comes_out_as_it_went_in(content: bytes, kind: str) -> None:
    """Whatever the media type says, or if there is none."""
    assert decode(data_url(content, kind), MOST) == content


@given(st.text())
def test_any_text_is_content_or_refused(text: str) -> None:
    """Without another exception, and never with nothing."""
    for url in (f"data:{text}", f"data:;base64,{text}"):
        with suppress(ImageRefused):
            assert decode(url, MOST)


@given(
    content=st.binary(min_size=6, max_size=90),
    at=st.integers(1, 7),
    stray=st.characters(
        exclude_characters="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    ),
)
def test_a_stray_character_is_never_skipped(content: bytes, at: int, stray: str) -> None:
    """A lenient decoder would make another file of it."""
    text = base64.b64encode(content).decode()
    with pytest.raises(ImageRefused):
        decode(f"data:image/png;base64,{text[:at]}{stray}{text[at:]}", MOST)


@given(content=st.binary(min_size=1, max_size=90), cut=st.integers(1, 3))
def test_a_cut_end_is_never_filled_up(content: bytes, cut: int) -> None:
    """What is missing may be more than padding."""
    with pytest.raises(ImageRefused):
        decode(data_url(content)[:-cut], MOST)


@given(st.integers(MOST - 3, MOST + 3))
def test_the_limit_counts_the_file_and_not_its_text(size: int) -> None:
    """To the byte."""
    if size <= MOST:
        assert len(decode(data_url(bytes(size)), MOST)) == size
    else:
        with pytest.raises(ImageRefused, match="at most 1000 bytes"):
            decode(data_url(bytes(size)), MOST)


def test_a_scheme_has_no_case() -> None:
    """As the standard says; the word base64 likewise."""
    assert is_data_url("DATA:,")
    assert not is_data_url("dat:")
    assert decode("Data:image/png;BASE64,YWJj", MOST) == b"abc"
