"""Tools and their calls told in turns that any template takes."""

from __future__ import annotations

from tasks.jobs import Image, Message, ToolCall
from tests.worker.constraints.tools import ADD, HELLO, WEATHER
from worker.constraints.tool_turns import introduce

CALL = Message("assistant", "", tool_calls=(ToolCall("c1", "add", '{"a": 1, "b": 2}'),))


def test_tools_are_explained_first() -> None:
    """A system message comes in front, with every tool's name, description and parameters."""
    system, user = introduce([HELLO], [WEATHER, ADD], "auto")
    assert system.role == "system"
    for word in ("get_weather", "The weather of a city", '"maximum": 7', "<tool_call>\n{"):
        assert word in system.content
    assert user == HELLO


def test_own_system_message_is_kept() -> None:
    """The explanation follows the client's words in the one system message."""
    system, _ = introduce([Message("system", "Be brief."), HELLO], [ADD], "auto")
    assert system.content.startswith("Be brief.\n\n")
    assert "add" in system.content


def test_what_must_be_called_is_said() -> None:
    """A required call, and a named one, are asked for in words, too."""
    (any_call, _) = introduce([HELLO], [WEATHER, ADD], "required")
    (named, _) = introduce([HELLO], [WEATHER, ADD], "required", name="add")
    assert "Answer with a function call." in any_call.content
    assert "Answer with a call of the function add." in named.content
    assert "further call" not in named.content


def test_calls_and_results_become_text() -> None:
    """A call is the text that the model would have written; its result is a user's turn."""
    turns = introduce([HELLO, CALL, Message("tool", "3", tool_call_id="c1")], [ADD], "auto")
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "user"]
    assert turns[2].content == (
        '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>'
    )
    assert not turns[2].tool_calls
    assert turns[3].content == "<tool_response>\n3\n</tool_response>"


def test_results_and_words_are_one_turn() -> None:
    """Several results and the user's next words are one turn, for templates that alternate."""
    history = [HELLO, CALL, Message("tool", "3"), Message("tool", "4"), Message("user", "Thanks")]
    turns = introduce(history, [], "auto")
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]
    assert turns[2].content.endswith("4\n</tool_response>\nThanks")
    assert "3" in turns[2].content


def test_words_before_a_call_are_kept() -> None:
    """An assistant's turn may hold both."""
    spoken = Message("assistant", "One moment.", tool_calls=CALL.tool_calls)
    assert introduce([spoken], [], "auto")[0].content.startswith("One moment.\n<tool_call>")


def test_unused_tools_are_not_told() -> None:
    """With choice ``none`` the model hears of no tools."""
    assert introduce([HELLO], [ADD], "none") == (HELLO,)


def test_images_move_with_their_words() -> None:
    """A result and the words after it become one turn, in which each image keeps its place."""
    result = Message("tool", "ab", images=(Image(1, b"1"),))
    words = Message("user", "cd", images=(Image(0, b"2"), Image(2, b"3")))
    turn = introduce([HELLO, CALL, result, words], [], "auto")[-1]
    marked = [turn.content[: image.at][-1:] for image in turn.images]
    assert [image.data for image in turn.images] == [b"1", b"2", b"3"]
    assert marked == ["a", "\n", "d"]


def test_an_image_of_the_system_is_kept() -> None:
    """The tools are explained after it."""
    system = Message("system", "Look:", images=(Image(5, b"1"),))
    turn = introduce([system, HELLO], [ADD], "auto")[0]
    assert turn.images == system.images
    assert turn.content.startswith("Look:")
