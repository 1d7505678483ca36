"""The parser of responses with everything but the body filled in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.openai.responses.parse import parse_response
from tasks.catalog import Catalog
from tasks.jobs import ChatJob
from tasks.model import Model

Respond = Callable[..., ChatJob]


@pytest.fixture(scope="session")
def models() -> Catalog:
    """One model that chats, one that sees as well, and one that embeds."""
    return Catalog(
        (
            Model(name="talk", kind="chat", source="echo:", slots=4),
            Model(name="look", kind="multimodal", source="echo:", mmproj="echo:"),
            Model(name="vec", kind="embed", source="echo:"),
        )
    )


@pytest.fixture(scope="session")
def respond(models: Catalog) -> Respond:
    """The job of a body: a valid one with ``fields`` added."""

    def parse(**fields: Any) -> ChatJob:
        body = json.dumps({"model": "talk", "input": "hello"} | fields).encode()
        asked = parse_response(body, catalog=models, job_id="j1", owner="ann", created_at=12.5)
        return asked.job

    return parse
