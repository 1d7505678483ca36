"""Models: the one that a request names, and what ``/v1/models`` says about each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.openai.errors import BadRequest
from tasks.catalog import Catalog
from tasks.model import Model

OWNER = "millrace"


def chat_model(catalog: Catalog, name: str) -> Model:
    """The model to chat with; ``UnknownModel``, or ``BadRequest`` for one that only embeds."""
    model = catalog.find(name)
    if model.kind == "embed":
        raise BadRequest(
            f"The model {model.name!r} makes embeddings and cannot chat: "
            "send it to /v1/embeddings, or name a chat model.",
            param="model",
        )
    return model


def only_chat_model(catalog: Catalog) -> Model:
    """The one model that chats, for whoever names none; ``BadRequest`` when there are others."""
    found = [model for model in catalog if model.kind != "embed"]
    if len(found) == 1:
        return found[0]
    raise BadRequest(
        f"'model' is missing: name one, for there are {len(found)} chat models here.",
        param="model",
        code="missing_required_parameter",
    )


def embed_model(catalog: Catalog, name: str) -> Model:
    """The model that makes vectors; ``UnknownModel``, or ``BadRequest`` for one that chats."""
    model = catalog.find(name)
    if model.kind != "embed":
        raise BadRequest(
            f"The model {model.name!r} chats and makes no embeddings: "
            "send it to /v1/chat/completions, or name an embedding model.",
            param="model",
        )
    return model


def render_model(model: Model, state: str | None) -> dict[str, Any]:
    """OpenAI's model object, with our own fields; ``state`` is None while nothing is known."""
    return {
        "id": model.name,
        "object": "model",
        "created": model.created_at,
        "owned_by": OWNER,
        "kind": model.kind,
        "aliases": list(model.aliases),
        "context": model.context,
        "slots": model.slots,
        "vision": model.sees,
        "state": state,
    }


def render_models(models: Iterable[tuple[Model, str | None]]) -> dict[str, Any]:
    """OpenAI's list of models, in the catalog's order."""
    return {"object": "list", "data": [render_model(model, state) for model, state in models]}
