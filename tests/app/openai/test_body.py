from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from app.openai.body import MAX_DEPTH, decode, deeper_than
from app.openai.errors import BadRequest
from app.openai.fields import Metadata


class Inner(msgspec.Struct):
    text: str


class Sample(msgspec.Struct):
    n: Annotated[int, Meta(ge=1, le=9)] | None = None
    t: Annotated[float, Meta(ge=0, le=2)] | None = None
    flag: bool | None = None
    inner: list[Inner] | None = None
    words: Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(max_length=2)] | None = None
    either: str | list[str] | int | None = None
    metadata: Metadata | None = None


def refused(body: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        decode(body, Sample)
    assert caught.value.status == 400
    return caught.value


def test_unknown_fields_are_skipped() -> None:
    """A parameter that this release does not know does not fail a request."""
    assert decode(b'{"n": 2, "newer": {"a": [1e999, null]}}', Sample).n == 2


def test_null_is_an_absent_field() -> None:
    """OpenAI's client sends null for what was not set."""
    assert decode(b'{"n": null, "inner": null}', Sample) == Sample()


@pytest.mark.parametrize(
    ("body", "param", "code", "words"),
    [
        (b'{"n": "5"}', "n", "invalid_type", "'n' must be an integer, not a string."),
        (b'{"n": true}', "n", "invalid_type", "'n' must be an integer, not a boolean."),
        (b'{"n": 1.5}', "n", "invalid_type", "'n' must be an integer, not a decimal number."),
        (b'{"t": true}', "t", "invalid_type", "'t' must be a number, not a boolean."),
        (b'{"flag": 1}', "flag", "invalid_type", "'flag' must be true or false, not an integer."),
        (b'{"n": 0}', "n", "invalid_value", "'n' must be at least 1."),
        (b'{"n": 99999999999999999999}', "n", "invalid_value", "'n' must be at most 9."),
        (b'{"t": 2.5}', "t", "invalid_value", "'t' must be at most 2."),
        (b'{"t": 1e999}', "t", "invalid_value", "'t' is a number too large to be read."),
        (b'{"inner": [{}]}', "inner[0].text", "missing_required_parameter", "is missing"),
        (b'{"inner": [{"text": 1}]}', "inner[0].text", "invalid_type", "must be a string"),
        (b'{"words": [""]}', "words[0]", "invalid_value", "must have at least 1 character."),
        (b'{"words": ["a","b","c"]}', "words", "invalid_value", "must have at most 2 items."),
        (b'{"either": 1.5}', "either", "invalid_type", "an integer, a string or an array, not"),
        (b'{"metadata": {"k": 1}}', "metadata", "invalid_type", "A value of 'metadata' must be"),
        (b"[]", None, "invalid_type", "The request body must be an object, not an array."),
        (b'"text"', None, "invalid_type", "The request body must be an object, not a string."),
    ],
)
def test_a_wrong_value_names_its_field_and_the_remedy(
    body: bytes, param: str | None, code: str, words: str
) -> None:
    """Types are strict, ranges are checked, and the message says what would be right."""
    error = refused(body)
    assert (error.param, error.code) == (param, code)
    assert words in error.message


def test_metadata_has_openais_limits() -> None:
    """16 pairs, 64 characters of key, 512 of value: one more of any is refused."""
    for pairs in ({f"k{i}": "" for i in range(17)}, {"k" * 65: ""}, {"k": "v" * 513}):
        assert refused(json.dumps({"metadata": pairs}).encode()).param == "metadata"
    fits = {f"{i:064}": "v" * 512 for i in range(16)}
    assert decode(json.dumps({"metadata": fits}).encode(), Sample).metadata == fits


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        (b"", None, "is empty"),
        (b" \n", None, "is empty"),
        (b"{", None, "ends too early"),
        (b'{"n": 1,}', None, "trailing comma"),
        (b'{"n": 1} {}', None, "trailing characters"),
        (b'{"t": NaN}', "t", "'t' is NaN or infinite"),
        (b'{"t": nan}', "t", "'t' is NaN or infinite"),
        (b'{"t": Infinity}', "t", "'t' is NaN or infinite"),
        (b'{"t": -Infinity}', "t", "'t' is NaN or infinite"),
        (b'{"newer": [NaN]}', "newer[0]", "is NaN or infinite"),
        (b'{"either": "\\ud800"}', "either", "half a UTF-16 surrogate pair"),
        (b'{"either": "\\udc00 and more text"}', "either", "half a UTF-16 surrogate pair"),
        (b'{"newer": "\\ud800"}', "newer", "half a UTF-16 surrogate pair"),
        (b'{"inner": [{"text": "\xff"}]}', "inner[0].text", "not valid UTF-8 at byte 21"),
        (b'{"either": "\xed\xa0\x80"}', "either", "not valid UTF-8"),
        (b'{"newer": "\xff"}', "newer", "not valid UTF-8"),
        (b'{"either": "a\x00b"}', "either", "not valid JSON"),
        (b"\xef\xbb\xbf{}", None, "not valid JSON"),
        ('{"n": 1}'.encode("utf-16"), None, "not valid UTF-8"),
        (b'{"n": 01}', "n", "invalid number"),
    ],
)
def test_what_is_no_json_is_told_at_its_field(body: bytes, param: str | None, words: str) -> None:
    """Bytes outside JSON are refused everywhere, fields that are skipped included."""
    error = refused(body)
    assert (error.param, error.code) == (param, "invalid_json")
    assert words in error.message


def test_an_escaped_nul_is_a_character_like_any_other() -> None:
    """``\\u0000`` in a text is kept, not an end of string."""
    assert decode(b'{"either": "a\\u0000b"}', Sample).either == "a\x00b"


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_refused_and_named(opening: bytes) -> None:
    """5,000 levels, in a field that is skipped, are a 400 and no recursion error."""
    closing = b"]" if opening == b"[" else b"}"
    body = b'{"x": ' + opening * 5000 + b"1" + closing * 5000 + b"}"
    error = refused(body)
    assert error.param is not None
    assert error.param.startswith("x")
    assert f"at most {MAX_DEPTH} levels" in error.message


def test_nesting_is_refused_from_one_level_beyond_the_limit() -> None:
    """The limit is the same for every shape: exactly ``MAX_DEPTH`` containers are read."""
    inner = MAX_DEPTH - 1  # the body itself is one
    assert decode(b'{"x": ' + b"[" * inner + b"]" * inner + b"}", Sample) == decode(b"{}", Sample)
    error = refused(b'{"x": ' + b"[" * (inner + 1) + b"]" * (inner + 1) + b"}")
    assert f"at most {MAX_DEPTH} levels" in error.message


def test_brackets_in_text_are_no_nesting() -> None:
    """A prompt full of brackets, quotes and backslashes is only text."""
    text = '[{"\\' * 1000
    assert decode(json.dumps({"either": text}).encode(), Sample).either == text


def test_unclosed_brackets_by_the_million_are_refused() -> None:
    """A body of opening brackets alone is a 400 like any other."""
    for opening in (b"", b'{"x":'):
        assert refused(opening + b"[" * 1_000_000).code == "invalid_json"


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused(body: bytes) -> None:
    """No byte string raises anything but ``BadRequest``."""
    found: object = None
    try:
        found = decode(body, Sample)
    except BadRequest as refusal:
        found = refusal
    assert isinstance(found, Sample | BadRequest)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON, st.sampled_from([*Sample.__struct_fields__, "newer"]))
def test_arbitrary_json_in_any_field_is_read_or_refused(value: Any, field: str) -> None:
    """A refusal of one field's value names that field and no other."""
    named: str | None = field
    try:
        decode(json.dumps({field: value}).encode(), Sample)
    except BadRequest as error:
        named = error.param
    assert named is not None
    assert named.startswith(field)


def depth(value: Any) -> int:
    """Containers within containers, counted on the value itself."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth, inner), default=0)
    return 0


@given(st.lists(JSON | st.text('[]{}"\\ab')), st.integers(2, 6))
def test_depth_is_counted_on_structure_alone(value: list[Any], limit: int) -> None:
    """Counting brackets in the bytes agrees with counting containers in the value."""
    body = json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")
    assert deeper_than(body, limit) == (depth(value) > limit)
