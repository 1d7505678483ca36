"""One or many inputs, as texts or as token ids: what embeddings embed and completions continue."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from app.openai.errors import BadRequest
from app.openai.fields import TokenId
from tasks.model import Model

Tokens = Annotated[list[TokenId], Meta(min_length=1)]
Text = Annotated[str, Meta(min_length=1)]
Inputs = Annotated[list[Text | TokenId | Tokens], Meta(min_length=1)]
"""A list of texts, one list of token ids (which is one input), or a list of such lists."""

Texts = tuple[str, ...]
TokenLists = tuple[tuple[int, ...], ...]


def split_inputs(asked: str | list[str | int | list[int]], param: str) -> tuple[Texts, TokenLists]:
    """The inputs as texts or as token ids, whichever they are; mixed ones are refused."""
    if isinstance(asked, str):
        return (asked,), ()
    kind = type(asked[0])
    for i, item in enumerate(asked):
        if type(item) is not kind:
            raise BadRequest(
                f"'{param}' must be all strings, all token ids, or all lists of token ids: "
                f"'{param}[{i}]' is of another type than '{param}[0]'.",
                param=f"{param}[{i}]",
                code="invalid_type",
            )
    texts = tuple(item for item in asked if isinstance(item, str))
    lists = tuple(tuple(item) for item in asked if isinstance(item, list))
    ids = tuple(item for item in asked if isinstance(item, int))
    return texts, ((ids,) if ids else lists)


def check_lengths(asked: object, tokens: TokenLists, model: Model, param: str) -> None:
    """Refuse what is certainly too long; how many tokens a text has, the worker tells."""
    flat = isinstance(asked, list) and isinstance(asked[0], int)
    for i, ids in enumerate(tokens):
        if len(ids) > model.context:
            where = param if flat else f"{param}[{i}]"
            raise BadRequest(
                f"'{where}' has {len(ids)} tokens; the model {model.name!r} takes at most "
                f"{model.context}.",
                param=where,
                code="context_length_exceeded",
            )
