"""Requests of /tokenize and /detokenize, and their answers' shapes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.openai.errors import BadRequest
from app.openai.tokens import (
    DetokenizeRequest,
    TokenizeRequest,
    parse_detokenize,
    parse_tokenize,
    text_body,
    tokens_body,
)
from tasks.catalog import Catalog
from tasks.errors import UnknownModel
from tasks.jobs import Message, Tool
from tasks.model import Model
from tasks.questions import Detokenize, Text, TokenizeChat, TokenizeText, Tokens


def tokenize(catalog: Catalog, **fields: Any) -> TokenizeRequest:
    return parse_tokenize(json.dumps(fields).encode(), catalog=catalog)


def detokenize(catalog: Catalog, **fields: Any) -> DetokenizeRequest:
    return parse_detokenize(json.dumps(fields).encode(), catalog=catalog)


@pytest.mark.parametrize(
    ("fields", "question"),
    [
        ({"content": "a"}, TokenizeText("a", False, True)),
        ({"content": ""}, TokenizeText("", False, True)),
        (
            {"content": "a", "add_special": True, "parse_special": False},
            TokenizeText("a", True, False),
        ),
        ({"prompt": "a", "model": "talk"}, TokenizeText("a", True, True)),
        ({"prompt": "a", "add_special_tokens": False}, TokenizeText("a", False, True)),
        (
            {"messages": [{"role": "user", "content": "a"}]},
            TokenizeChat((Message("user", "a"),)),
        ),
        (
            {
                "messages": [{"role": "user", "content": "a"}],
                "tools": [{"type": "function", "function": {"name": "f"}}],
            },
            TokenizeChat((Message("user", "a"),), (Tool("f"),)),
        ),
    ],
)
def test_both_servers_names_become_questions(
    catalog: Catalog, fields: dict[str, Any], question: TokenizeText | TokenizeChat
) -> None:
    """llama-server's ``content``, vLLM's ``prompt`` and ``messages``; the chat model by default."""
    asked = tokenize(catalog, **fields)
    assert (asked.model.name, asked.question) == ("talk", question)


def test_an_embedding_model_can_be_named(catalog: Catalog) -> None:
    """By name or alias; it is never the default."""
    assert tokenize(catalog, content="a", model="ada").model.name == "vec"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "content"),
        ({"content": None}, "content"),
        ({"content": 5}, "content"),
        ({"content": ["a"]}, "content"),
        ({"content": "a", "prompt": "b"}, "prompt"),
        ({"prompt": "a", "messages": [{"role": "user", "content": "a"}]}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role"),
        ({"content": "a", "tools": [{"type": "x"}]}, "tools"),
        ({"content": "a", "add_special": 1}, "add_special"),
        ({"content": "a", "with_pieces": "yes"}, "with_pieces"),
        ({"content": "a", "parse_special": 0}, "parse_special"),
        ({"content": "é" * 131_073}, "content"),
        ({"prompt": "a" * 262_145}, "prompt"),
        ({"messages": [{"role": "user", "content": "a" * 262_145}]}, "messages"),
        ({"content": "a", "model": "vec", "with_pieces": True}, "with_pieces"),
        ({"messages": [{"role": "user", "content": "a"}], "model": "vec"}, "model"),
        ({"content": "a", "model": "vec", "add_special": False}, "add_special"),
        ({"prompt": "a", "model": "vec", "add_special_tokens": False}, "add_special_tokens"),
        ({"content": "a", "model": 5}, "model"),
    ],
)
def test_a_wrong_question_names_its_field(
    catalog: Catalog, fields: dict[str, Any], param: str
) -> None:
    """Nothing to ask, two things at once, or too much of it."""
    with pytest.raises(BadRequest) as refused:
        tokenize(catalog, **fields)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "tokens"),
        ({"tokens": "a"}, "tokens"),
        ({"tokens": [-1]}, "tokens[0]"),
        ({"tokens": [1, 1.5]}, "tokens[1]"),
        ({"tokens": [1] * 65_537}, "tokens"),
        ({"tokens": [1], "model": "vec"}, "model"),
    ],
)
def test_wrong_ids_name_their_place(catalog: Catalog, fields: dict[str, Any], param: str) -> None:
    """Ids that no model has, too many, and a model that writes no text."""
    with pytest.raises(BadRequest) as refused:
        detokenize(catalog, **fields)
    assert refused.value.param == param


def test_ids_become_a_question(catalog: Catalog) -> None:
    """To the one chat model, also when there is nothing to ask."""
    assert detokenize(catalog, tokens=[1, 2]).question == Detokenize((1, 2))
    assert detokenize(catalog, tokens=[]).question == Detokenize(())


def test_without_a_name_there_must_be_one_chat_model(catalog: Catalog) -> None:
    """With two, the refusal says that one must be named; an unknown name is a 404."""
    two = Catalog((*catalog, Model(name="more", kind="chat", source="echo:")))
    for ask in (lambda: tokenize(two, content="a"), lambda: detokenize(two, tokens=[1])):
        with pytest.raises(BadRequest, match="2 chat models") as refused:
            ask()
        assert refused.value.param == "model"
    with pytest.raises(UnknownModel):
        tokenize(catalog, content="a", model="nobody")


def test_ids_come_in_llama_servers_shape(catalog: Catalog) -> None:
    """Alone, or each with its piece: text, or the bytes of half a character."""
    answer = Tokens((5, 6), (b" a", b"\xf0\x9f"))
    alone = tokens_body(tokenize(catalog, content="a"), answer)
    pieces = tokens_body(tokenize(catalog, content="a", with_pieces=True), answer)
    assert json.loads(alone) == {"tokens": [5, 6]}
    assert json.loads(pieces) == {
        "tokens": [{"id": 5, "piece": " a"}, {"id": 6, "piece": [0xF0, 0x9F]}]
    }


def test_vllms_names_are_answered_in_its_shape(catalog: Catalog) -> None:
    """The count, the model's context, and the ids."""
    body = tokens_body(tokenize(catalog, prompt="a"), Tokens((5, 6), (b"a", b"b")))
    assert json.loads(body) == {"count": 2, "max_model_len": 2048, "tokens": [5, 6]}


def test_text_comes_in_llama_servers_shape() -> None:
    """One field."""
    assert json.loads(text_body(Text("é"))) == {"content": "é"}
