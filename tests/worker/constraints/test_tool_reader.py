"""Tool calls read out of text, however the text is cut."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.constraints.tool_reader import CallReader
from worker.constraints.tool_syntax import GENERIC, LLAMA, ToolSyntax

NAMES = ("get_weather", "add")
ADD = '{"name": "add", "arguments": {"a": 1, "b": "}</tool_call>\\""}}'
WEATHER = '{"name": "get_weather", "arguments": {}}'

Outcome = tuple[str, list[tuple[str | None, str]]]


def called(text: str) -> str:
    """A call in the generic syntax."""
    return f"<tool_call>\n{text}\n</tool_call>"


def read(pieces: list[str], syntax: ToolSyntax = GENERIC, *, silent: bool = False) -> Outcome:
    """The content, and per call its name and arguments, of text that comes in pieces."""
    reader = CallReader(syntax, NAMES, silent=silent)
    reads = [*(reader.push(piece) for piece in pieces), reader.finish()]
    calls: list[tuple[str | None, str]] = []
    for delta in (delta for each in reads for delta in each.calls):
        if delta.name is not None:
            assert delta.index == len(calls)
            calls.append((delta.name, ""))
        name, arguments = calls[delta.index]
        calls[delta.index] = (name, arguments + delta.arguments)
    assert reader.called == bool(calls)
    return "".join(each.content for each in reads), calls


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        ("Hello there.", "Hello there.", []),
        ("", "", []),
        ("two \n", "two \n", []),
        ("a < b <tool", "a < b <tool", []),
        (called(WEATHER), "", [("get_weather", "{}")]),
        (called(ADD), "", [("add", '{"a": 1, "b": "}</tool_call>\\""}')]),
        (f"Let me see.\n\n{called(WEATHER)}\n", "Let me see.", [("get_weather", "{}")]),
        (
            f"{called(WEATHER)}\n{called(ADD)}",
            "",
            [("get_weather", "{}"), ("add", '{"a": 1, "b": "}</tool_call>\\""}')],
        ),
        (f"{called(WEATHER)} Done. ", "Done.", [("get_weather", "{}")]),
        (
            called('{"name":"add","parameters":{"a":[{}]}}'),
            "",
            [("add", '{"a":[{}]}')],
        ),
        (called('{"arguments": {"a": 1}, "name": "add"}'), "", [("add", '{"a": 1}')]),
        (called('{"name": "unknown", "arguments": {}}'), None, []),
        (called("no JSON"), None, []),
        ("See <tool_call> for more", None, []),
        ('<tool_call>\n{"name": "add", "argu', None, []),
        ('<tool_call>\n{"name": "add", "arguments": {"a": 1', "", [("add", '{"a": 1')]),
        ('<tool_call>{"name": "add", "arguments": {"a"</tool_call> x', "x", [("add", '{"a"')]),
    ],
)
def test_calls_are_told_from_text(
    text: str, content: str | None, calls: list[tuple[str | None, str]]
) -> None:
    """Calls come out with their arguments' text as it was; what is no call is content (None)."""
    assert read([text]) == (text if content is None else content, calls)
    assert read(list(text)) == (text if content is None else content, calls)


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        ("Hello", "Hello", []),
        (' {"name": "add", "parameters": {"a": 1}}\n', "", [("add", '{"a": 1}')]),
        ('{"name": "other", "parameters": {}}', '{"name": "other", "parameters": {}}', []),
        ('Use {"name": "add"}', 'Use {"name": "add"}', []),
    ],
)
def test_calls_without_markers(
    text: str, content: str, calls: list[tuple[str | None, str]]
) -> None:
    """Where a syntax has no marker, an answer that starts with a brace may be a call."""
    assert read([text], LLAMA) == (content, calls)
    assert read(list(text), LLAMA) == (content, calls)


def test_name_comes_before_the_arguments() -> None:
    """The name is told as soon as its arguments begin, and these as they come."""
    reader = CallReader(GENERIC, NAMES, silent=False)
    assert reader.push('<tool_call>\n{"name": "add", "arguments": ').calls == ()
    (name,) = reader.push('{"a"').calls[:1]
    assert (name.index, name.name) == (0, "add")
    (piece,) = reader.push(": 12").calls
    assert (piece.index, piece.name, piece.arguments) == (0, None, ": 12")


def test_text_is_told_at_once() -> None:
    """Only what may begin a marker, and the space before it, is held back."""
    reader = CallReader(GENERIC, NAMES, silent=False)
    assert reader.push("Hello ").content == "Hello"
    assert reader.push("you <to").content == " you"
    assert reader.push("p>").content == " <top>"


def test_silent_reader_has_no_content() -> None:
    """Where the answer must be calls, nothing else is told."""
    assert read([f" x {called(WEATHER)} y"], silent=True) == ("", [("get_weather", "{}")])


_PARTS = st.sampled_from(
    [
        *("Hello", " ", "\n", "<", "<tool_call>", "</tool_call>", "<tool_", "{", "}", '"', "\\"),
        *(called(WEATHER), called(ADD), ADD, '{"name": "add", "arguments": {', '"a": "é\\""'),
        called('{"arguments": {}, "name": "add"}'),
    ]
)


@given(st.lists(_PARTS, max_size=8).map("".join), st.data(), st.sampled_from([GENERIC, LLAMA]))
def test_cuts_make_no_difference(text: str, data: st.DataObject, syntax: ToolSyntax) -> None:
    """However the text is cut into pieces, content and calls are the same."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    bounds = [0, *cuts, len(text)]
    pieces = [text[a:b] for a, b in pairwise(bounds)]
    assert read(pieces, syntax) == read([text], syntax) == read(list(text), syntax)


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers()), max_size=3), st.text())
def test_what_was_written_is_read(arguments: list[dict[str, object]], words: str) -> None:
    """Well-formed calls come back whole, whatever their arguments hold."""
    words = words.replace("<", "(")
    calls = [("add", json.dumps(each, ensure_ascii=False)) for each in arguments]
    text = words + "\n".join(
        GENERIC.opening + name + GENERIC.between + each + GENERIC.closing for name, each in calls
    )
    assert read([text]) == (words.rstrip() if calls else words, calls)
