"""Texts to token ids and back: llama-server's shapes, and vLLM's where its names are used."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from app.images.reading import Images
from app.openai.answers import given_or
from app.openai.body import decode
from app.openai.errors import BadRequest
from app.openai.fields import ModelName, TokenId
from app.openai.messages import DATA_URLS_ONLY, MAX_MESSAGES, Turn, messages_of
from app.openai.models import chat_model, only_chat_model
from app.openai.sizes import conversation_bytes, utf8_bytes
from app.openai.tools import ToolList, toolbox_of
from tasks.catalog import Catalog
from tasks.model import Model
from tasks.questions import Detokenize, Text, TokenizeChat, TokenizeText, Tokens

MAX_TEXT_BYTES = 262_144
"""The worker answers between two of its other duties: this much takes it 0.1 to 0.3 s."""

MAX_TOKENS = 65_536


class TokenizeBody(msgspec.Struct):
    """The parameters of ``POST /tokenize``: of llama-server, then those that vLLM has instead."""

    model: ModelName | None = None
    content: str | None = None
    add_special: bool | None = None
    parse_special: bool | None = None
    with_pieces: bool | None = None
    prompt: str | None = None
    messages: Annotated[list[Turn], Meta(min_length=1, max_length=MAX_MESSAGES)] | None = None
    tools: ToolList | None = None
    add_special_tokens: bool | None = None


class DetokenizeBody(msgspec.Struct):
    """The parameters of ``POST /detokenize``."""

    tokens: Annotated[list[TokenId], Meta(max_length=MAX_TOKENS)]
    model: ModelName | None = None


class TokenizeRequest(msgspec.Struct, frozen=True):
    """What to ask which model, and in whose shape to answer."""

    model: Model
    question: TokenizeText | TokenizeChat
    with_pieces: bool = False
    counted: bool = False


class DetokenizeRequest(msgspec.Struct, frozen=True):
    """What to ask which model."""

    model: Model
    question: Detokenize


def parse_tokenize(
    body: bytes, *, catalog: Catalog, images: Images = DATA_URLS_ONLY
) -> TokenizeRequest:
    """The question that ``body`` asks; ``BadRequest`` or ``UnknownModel`` if it is none."""
    asked = decode(body, TokenizeBody)
    model = _model(catalog, asked.model)
    _check_one_given(asked)
    if asked.messages is not None:
        messages = messages_of(asked.messages, chat_model(catalog, model.name), images)
        _check_size(conversation_bytes(messages), "messages")
        question = TokenizeChat(messages, toolbox_of(asked.tools, None).tools)
        return TokenizeRequest(model, question, counted=True)
    if asked.tools:
        raise BadRequest("'tools' need 'messages': only a chat has them.", param="tools")
    if asked.with_pieces and model.kind == "embed":
        raise BadRequest(
            f"'with_pieces': the model {model.name!r} makes embeddings and cannot turn tokens into "
            "text. Leave it out.",
            param="with_pieces",
        )
    counted = asked.prompt is not None
    text = asked.prompt if asked.prompt is not None else asked.content
    assert text is not None
    _check_size(utf8_bytes(text), "prompt" if counted else "content")
    # As in llama-server, markup in a text is read as control tokens unless that is refused.
    of_text = TokenizeText(text, _adds_special(asked, model), asked.parse_special is not False)
    return TokenizeRequest(model, of_text, bool(asked.with_pieces), counted)


def parse_detokenize(body: bytes, *, catalog: Catalog) -> DetokenizeRequest:
    """The question that ``body`` asks; ``BadRequest`` or ``UnknownModel`` if it is none."""
    asked = decode(body, DetokenizeBody)
    model = _model(catalog, asked.model)
    if model.kind == "embed":
        raise BadRequest(
            f"The model {model.name!r} makes embeddings and cannot turn tokens into text: name a "
            "chat model.",
            param="model",
        )
    return DetokenizeRequest(model, Detokenize(tuple(asked.tokens)))


def _model(catalog: Catalog, name: str | None) -> Model:
    return only_chat_model(catalog) if name is None else catalog.find(name)


def _check_one_given(asked: TokenizeBody) -> None:
    fields = ("content", "prompt", "messages")
    given = [field for field in fields if getattr(asked, field) is not None]
    if not given:
        raise BadRequest(
            "'content' is missing: send the text in 'content', or in 'prompt', or a chat's "
            "'messages'.",
            param="content",
            code="missing_required_parameter",
        )
    if len(given) > 1:
        raise BadRequest(
            f"'{given[1]}' and '{given[0]}' are both given: send one of them.", param=given[1]
        )


def _adds_special(asked: TokenizeBody, model: Model) -> bool:
    """Whether the model's own first tokens are wanted; the two servers differ in the default."""
    if asked.prompt is not None:
        field, wanted, default = "add_special_tokens", asked.add_special_tokens, True
    else:
        field, wanted, default = "add_special", asked.add_special, False
    if model.kind == "embed" and wanted is False:
        raise BadRequest(
            f"'{field}': the markers of the embedding model {model.name!r} belong to its tokens. "
            "Leave it out.",
            param=field,
        )
    return given_or(wanted, default)


def _check_size(size: int, param: str) -> None:
    if size > MAX_TEXT_BYTES:
        raise BadRequest(
            f"'{param}' has {size} bytes; at most {MAX_TEXT_BYTES} are tokenized in one request: "
            "send the text in pieces.",
            param=param,
        )


class _Piece(msgspec.Struct, frozen=True):
    id: int
    piece: str | list[int]


class TokenIds(msgspec.Struct, frozen=True):
    """Token ids as llama-server answers them."""

    tokens: tuple[int, ...] | tuple[_Piece, ...]


class CountedTokens(msgspec.Struct, frozen=True):
    """Token ids as vLLM answers them, with their number and the model's context."""

    count: int
    max_model_len: int
    tokens: tuple[int, ...]


class DetokenizedText(msgspec.Struct, frozen=True):
    """The text of token ids."""

    content: str


def tokens_body(asked: TokenizeRequest, answer: Tokens) -> bytes:
    """The token ids: counted, with their pieces, or alone."""
    if asked.counted:
        return msgspec.json.encode(CountedTokens(len(answer.ids), asked.model.context, answer.ids))
    if asked.with_pieces:
        pairs = zip(answer.ids, answer.pieces, strict=True)
        return msgspec.json.encode(TokenIds(tuple(_Piece(id, _piece(data)) for id, data in pairs)))
    return msgspec.json.encode(TokenIds(answer.ids))


def text_body(answer: Text) -> bytes:
    """The text that token ids stand for."""
    return msgspec.json.encode(DetokenizedText(answer.text))


def _piece(data: bytes) -> str | list[int]:
    """A token as text; half a character as its bytes, as llama-server shows it."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return list(data)
