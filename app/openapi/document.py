"""The whole document, made once."""

from __future__ import annotations

from functools import cache

import msgspec

from app.openai.props import own_version
from app.openapi.headers import HEADERS
from app.openapi.operations import (
    admin,
    answers,
    batches,
    files,
    health,
    jobs,
    keys,
    metrics,
    models,
    pages,
    responses,
    sockets,
)
from app.openapi.pieces import Json, Key, Operation
from app.openapi.replies import ERRORS, error_of
from app.openapi.shapes import schemas

OPERATIONS: tuple[Operation, ...] = (
    *answers.OPERATIONS,
    *responses.OPERATIONS,
    *sockets.OPERATIONS,
    *files.OPERATIONS,
    *batches.OPERATIONS,
    *jobs.OPERATIONS,
    *models.OPERATIONS,
    *health.OPERATIONS,
    *metrics.OPERATIONS,
    *admin.OPERATIONS,
    *keys.OPERATIONS,
    *pages.OPERATIONS,
)

_TAGS = {
    "Answers": "Chats, completions and embeddings, as OpenAI's clients ask for them.",
    "Responses": "OpenAI's newer way to ask for an answer; stateless.",
    "Jobs": "Every request for an answer that is computed is a job.",
    "Files": "What batches read and write.",
    "Batches": "Many requests in a file, answered in the background.",
    "Models": "The models, their tokens, and what clients of llama-server ask.",
    "Health": "For load balancers and supervisors.",
    "Admin": "Needs the admin key.",
    "Pages": "For people with a browser, and this description. No key is needed.",
}

_SECURITY: dict[Key, list[Json]] = {
    "none": [],
    # Keys are asked for where the operator has any, or listens beyond this machine.
    "api": [{"ApiKey": []}, {"AdminKey": []}, {}],
    "admin": [{"AdminKey": []}],
}
_KEY_ERRORS: dict[Key, tuple[int, ...]] = {
    "none": (),
    # While Redis is away a key that is not known here cannot be looked up.
    "api": (401, 403, 503),
    "admin": (401, 403),
}

_ABOUT = (
    "Language models behind OpenAI's API and a queue that loses nothing. Bodies are JSON in UTF-8,"
    " whatever the `Content-Type` says. Types are strict, null for an optional field means that it"
    " is absent, unknown fields are ignored (the admin API refuses them). An unknown URL is a 404"
    " `unknown_url`, another method a 405 `method_not_allowed` with `Allow`; both have the shape of"
    " all errors."
)


@cache
def document() -> Json:
    """The document as OpenAPI 3.1 has it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Millrace",
            "version": own_version(),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this document came from."}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": _paths(),
        "components": {
            "schemas": schemas(),
            "responses": dict(ERRORS.values()),
            "headers": HEADERS,
            "securitySchemes": {
                "ApiKey": {"type": "http", "scheme": "bearer", "description": "An API key."},
                "AdminKey": {"type": "http", "scheme": "bearer", "description": "The admin key."},
            },
        },
    }


@cache
def document_json() -> bytes:
    """The document as it is served."""
    return msgspec.json.encode(document())


def _paths() -> Json:
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return paths


def _described(operation: Operation) -> Json:
    errors = {*operation.errors, *_KEY_ERRORS[operation.key]}
    if operation.body is not None:
        errors.add(408)
    answers = {**operation.answers, **{status: error_of(status) for status in errors}}
    found: Json = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": _SECURITY[operation.key],
    }
    if operation.description:
        found["description"] = operation.description
    if operation.parameters:
        found["parameters"] = list(operation.parameters)
    if operation.body is not None:
        found["requestBody"] = operation.body
    found["responses"] = {str(status): answers[status] for status in sorted(answers)}
    return found | dict(operation.extra)
