"""A catalog of two echo models, and the parsers with everything but the body filled in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.openai.chat import ChatRequest, parse_chat
from app.openai.completions import CompletionRequest, parse_completion
from app.openai.embeddings import EmbeddingsRequest, parse_embeddings
from tasks.catalog import Catalog
from tasks.model import Model


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """One model that chats in 4 slots, and one that embeds 32 tokens at most."""
    return Catalog(
        (
            Model(name="talk", aliases=("gpt-4o",), kind="chat", source="echo:", slots=4),
            Model(name="vec", aliases=("ada",), kind="embed", source="echo:", context=32),
        )
    )


@pytest.fixture(scope="session")
def chat(catalog: Catalog) -> Callable[..., ChatRequest]:
    """Parse a chat body: a valid one with ``fields`` added, or the bytes given."""

    def parse(body: bytes | None = None, **fields: Any) -> ChatRequest:
        if body is None:
            messages = [{"role": "user", "content": "hello"}]
            body = json.dumps({"model": "talk", "messages": messages} | fields).encode()
        return parse_chat(body, catalog=catalog, job_id="j1", owner="ann", created_at=12.5)

    return parse


@pytest.fixture(scope="session")
def complete(catalog: Catalog) -> Callable[..., CompletionRequest]:
    """Parse a completion body: a valid one with ``fields`` added, or the bytes given."""

    def parse(body: bytes | None = None, **fields: Any) -> CompletionRequest:
        if body is None:
            body = json.dumps({"model": "talk", "prompt": "hello"} | fields).encode()
        return parse_completion(body, catalog=catalog, job_id="j1", owner="ann", created_at=12.5)

    return parse


@pytest.fixture(scope="session")
def embed(catalog: Catalog) -> Callable[..., EmbeddingsRequest]:
    """Parse an embeddings body: a valid one with ``fields`` added, or the bytes given."""

    def parse(body: bytes | None = None, **fields: Any) -> EmbeddingsRequest:
        if body is None:
            body = json.dumps({"model": "vec", "input": "hello"} | fields).encode()
        return parse_embeddings(body, catalog=catalog, job_id="j1", owner="ann", created_at=12.5)

    return parse
