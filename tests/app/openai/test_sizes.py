"""Bounds on sizes that need no tokenizer."""

from __future__ import annotations

from app.openai.sizes import conversation_bytes, most_tokens
from tasks.jobs import ChatJob, CompletionJob, Message, ToolCall


def test_a_conversations_size_counts_bytes_not_characters() -> None:
    """Contents, names and calls count with their UTF-8 length."""
    call = ToolCall("id", "fé", '{"水":1}')
    messages = (Message("system", "abc", "é"), Message("assistant", "水🌊", tool_calls=(call,)))
    assert conversation_bytes(messages) == 3 + 2 + 3 + 4 + 3 + 9


def test_a_chats_bound_allows_for_the_template() -> None:
    """64 tokens around the conversation, 16 around each message, and the answer's."""
    messages = (Message("user", "abc"), Message("user", "de"))
    job = ChatJob(id="j", model="m", messages=messages, max_tokens=7)
    assert most_tokens(job) == 5 + 64 + 2 * 16 + 7


def test_a_completions_bound_is_that_of_its_longest_prompt() -> None:
    """Each prompt has a slot of its own, with the model's markers and the answer."""
    texts = CompletionJob(id="j", model="m", texts=("ab", "éé", "c"), max_tokens=5)
    tokens = CompletionJob(id="j", model="m", tokens=((1,) * 9, (2,)), max_tokens=None)
    assert most_tokens(texts) == 4 + 2 + 5
    assert most_tokens(tokens) == 9 + 2 + 1
