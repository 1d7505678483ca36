"""Questions about tokens, answered from the echo runtimes."""

from __future__ import annotations

import pytest

from tasks.errors import InvalidJob
from tasks.jobs import Message
from tasks.questions import Detokenize, Text, TokenizeChat, TokenizeText, Tokens
from worker import tokens
from worker.runtimes.echo import EchoChat, EchoEmbed
from worker.runtimes.echo_tokens import END, ROLE, VOCABULARY, encode


@pytest.fixture(scope="module")
def chat() -> EchoChat:
    """A chat model that reads three bytes as a token."""
    return EchoChat(slots=1, context=64)


@pytest.fixture(scope="module")
def embed() -> EchoEmbed:
    """A model that makes vectors."""
    return EchoEmbed(context=64)


def test_a_texts_tokens_come_with_their_pieces(chat: EchoChat) -> None:
    """The pieces put together are the text, whatever characters they cut in half."""
    answer = tokens.of_chat(chat, TokenizeText("hello 🌊"))
    assert isinstance(answer, Tokens)
    assert answer.ids == tuple(encode("hello 🌊"))
    assert b"".join(answer.pieces).decode() == "hello 🌊"


class Opened(EchoChat):
    """A model that wants a token before any text."""

    opening = (ROLE,)


def test_what_a_model_wants_before_a_text_comes_when_asked_for() -> None:
    """As it comes before a prompt that is completed; it has a piece like every token."""
    opened = Opened(slots=1, context=64)
    answer = tokens.of_chat(opened, TokenizeText("hello", add_special=True))
    assert answer == Tokens((ROLE, *encode("hello")), (b"", b"hel", b"lo"))
    without = tokens.of_chat(opened, TokenizeText("hello"))
    assert without == Tokens(tuple(encode("hello")), (b"hel", b"lo"))


@pytest.mark.parametrize(("parse", "ids"), [(True, (END,)), (False, tuple(encode("<|end|>")))])
def test_markup_is_a_token_only_when_it_is_to_be_parsed(
    chat: EchoChat, parse: bool, ids: tuple[int, ...]
) -> None:
    """What a client may write as text is text where it says so."""
    answer = tokens.of_chat(chat, TokenizeText("<|end|>", parse_special=parse))
    assert isinstance(answer, Tokens)
    assert answer.ids == ids


def test_a_conversations_tokens_are_its_prompts(chat: EchoChat) -> None:
    """Through the model's own template."""
    messages = (Message("user", "hello"),)
    answer = tokens.of_chat(chat, TokenizeChat(messages))
    assert isinstance(answer, Tokens)
    assert answer.ids == tuple(chat.prompt(messages))


def test_ids_become_their_text(chat: EchoChat) -> None:
    """Half a character at the end is replaced; control tokens have no text."""
    ids = (*encode("hello 🌊"), END)
    assert tokens.of_chat(chat, Detokenize(ids)) == Text("hello 🌊")
    assert tokens.of_chat(chat, Detokenize(tuple(encode("ab🌊")[:1]))) == Text("ab\ufffd")


def test_an_id_beyond_the_vocabulary_is_named(chat: EchoChat) -> None:
    """By its place in the list."""
    with pytest.raises(InvalidJob) as refused:
        tokens.of_chat(chat, Detokenize((END, VOCABULARY)))
    assert refused.value.param == "tokens[1]"


def test_an_embedding_models_tokens_have_its_markers(embed: EchoEmbed) -> None:
    """They are those that it computes, and that count; it has no pieces."""
    answer = tokens.of_embedding(embed, TokenizeText("hello"))
    assert answer == Tokens(tuple(embed.tokenize(["hello"])[0]))


@pytest.mark.parametrize(
    ("question", "param"),
    [
        (TokenizeChat((Message("user", "a"),)), "messages"),
        (Detokenize((1,)), "model"),
    ],
)
def test_what_an_embedding_model_cannot_answer_is_refused(
    embed: EchoEmbed, question: TokenizeChat | Detokenize, param: str
) -> None:
    """It has no template, and writes no text."""
    with pytest.raises(InvalidJob) as refused:
        tokens.of_embedding(embed, question)
    assert refused.value.param == param
