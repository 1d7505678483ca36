from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.openai.locate import REACH, lone_surrogate, path_at, path_below


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"a": @}', "a"),
        (b'{"a": 1, "b": [1, {"c": @}]}', "b[1].c"),
        (b'{"a": {"x": [[], {}]}, "b": @}', "b"),
        (b"[1, [2, 3, @]]", "[1][2]"),
        (b'{"a": "quoted ] } , \\" \\\\", "b": "@"}', "b"),
        (b'{"a": "never ends @', "a"),
        (b"@", None),
        (b'{"a": 1} @', None),
        (b"]]}} @", None),
    ],
)
def test_a_byte_is_found_in_its_field(body: bytes, path: str | None) -> None:
    """Brackets, commas and quotes inside strings do not lead the scanner astray."""
    assert path_at(body, body.index(b"@")) == path


def test_a_fault_out_of_reach_has_no_field() -> None:
    """Only the first part of a body is walked, whatever its size."""
    body = b'{"a": [' + b"0," * REACH + b"@"
    assert path_at(body, body.index(b"@")) is None


def test_a_long_key_is_shortened() -> None:
    """A key is shown with 64 characters at most: it came from the client."""
    body = b'{"' + b"k" * 500 + b'": @}'
    assert path_at(body, body.index(b"@")) == "k" * 64


def test_the_field_of_a_deep_nest_is_named_without_its_zeros() -> None:
    """``x[0][0][0]`` is told as ``x``."""
    assert path_below(b'{"a": [1], "x": [[[[1]]]]}', 3) == "x"
    assert path_below(b'{"a": [1]}', 3) is None


@given(st.text())
def test_whole_text_has_no_lone_surrogate(text: str) -> None:
    """What ``json.dumps`` escapes, pairs of surrogates included, is never called halved."""
    assert lone_surrogate(json.dumps(text).encode()) is None


@given(st.text(), st.characters(categories=["Cs"]), st.text())
def test_half_a_pair_is_found_wherever_it_stands(before: str, half: str, after: str) -> None:
    """A lone surrogate is found between any other characters, behind backslashes too."""
    body = json.dumps(before + half + after).encode()
    assert lone_surrogate(body) == len(json.dumps(before)) - 1
