"""What a description is put together from: schemas, parameters, headers, contents, operations.

Small functions that return plain JSON, as OpenAPI 3.1 writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Method = Literal["get", "post", "delete"]
Key = Literal["none", "api", "admin"]

JSON = "application/json"
EVENTS = "text/event-stream"
BYTES = "application/octet-stream"

STRING: Json = {"type": "string"}
INTEGER: Json = {"type": "integer"}
NUMBER: Json = {"type": "number"}
BOOLEAN: Json = {"type": "boolean"}
COUNT: Json = {"type": "integer", "minimum": 0}


def ref(name: str, kind: str = "schemas") -> Json:
    """What the component ``name`` says."""
    return {"$ref": f"#/components/{kind}/{name}"}


def one_of(*words: str) -> Json:
    """One of these strings."""
    return {"type": "string", "enum": list(words)}


def just(word: str) -> Json:
    """This string."""
    return {"type": "string", "const": word}


def array(items: Json, **limits: Any) -> Json:
    """A list of ``items``."""
    return {"type": "array", "items": items, **limits}


def mapping(values: Json, **limits: Any) -> Json:
    """An object of any names, with such ``values``."""
    return {"type": "object", "additionalProperties": values, **limits}


def nullable(schema: Json) -> Json:
    """The schema, or null."""
    if isinstance(schema.get("type"), str) and not {"enum", "const"} & schema.keys():
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def described(schema: Json, description: str, **more: Any) -> Json:
    """The schema with a description of its own."""
    return {**schema, "description": description, **more}


def record(description: str, fields: Mapping[str, Json], *, optional: Iterable[str] = ()) -> Json:
    """An object with these fields, of which the ``optional`` ones may be left out."""
    left_out = set(optional)
    return {
        "type": "object",
        "description": description,
        "properties": dict(fields),
        "required": [name for name in fields if name not in left_out],
    }


def listed(item: str, description: str) -> Json:
    """An OpenAI list of ``item``, a component, on one page."""
    return record(description, {"object": just("list"), "data": array(ref(item))})


def in_query(name: str, description: str, schema: Json) -> Json:
    """A parameter behind the question mark; none is required."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def in_path(name: str, description: str, example: str) -> Json:
    """A part of the URL."""
    # A part of no characters, or one that clients resolve by themselves, makes another URL.
    schema = {"type": "string", "minLength": 1, "not": {"enum": [".", ".."]}}
    found = {"name": name, "in": "path", "required": True, "description": description}
    return found | {"schema": schema, "example": example}


def in_header(name: str, description: str, schema: Json) -> Json:
    """A request's header; none is required."""
    return {"name": name, "in": "header", "description": description, "schema": schema}


def header(description: str, schema: Json, *, required: bool = False) -> Json:
    """An answer's header."""
    return {"description": description, "schema": schema, "required": required}


def content(kind: str, schema: Json, examples: Mapping[str, Any] | None = None) -> Json:
    """A body of one media type, with named examples."""
    media: Json = {"schema": schema}
    if examples:
        media["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {kind: media}


def events_of(*chunks: str, shown: str | None = None) -> Json:
    """An event stream whose events carry these chunks, which are components.

    As is usual before OpenAPI 3.2 the schema is that of one event.
    """
    chunk = _json_text(*chunks, "Error", "Interrupted")
    event = record(
        "One event.",
        {
            "id": described(STRING, "Its number in the job's log: 1, 2, 3 ... without gaps."),
            "event": described(STRING, "The type that stands in the data, where one does."),
            "data": {"anyOf": [just("[DONE]"), chunk]},
        },
        optional=("id", "event"),
    )
    return content(EVENTS, event, {"stream": shown} if shown else None)


def named_events_of(chunk: str) -> Json:
    """An event stream whose events are named as the type in their data."""
    event = record(
        "One event.",
        {
            "id": described(STRING, "Its number, where the stream can be gone on with."),
            "event": described(STRING, "The type that stands in the data."),
            "data": _json_text(chunk),
        },
        optional=("id",),
    )
    return content(EVENTS, event)


def _json_text(*names: str) -> Json:
    said = [ref(name) for name in names]
    return {**STRING, "contentMediaType": JSON, "contentSchema": {"anyOf": said}}


def body(*contents: Json, description: str = "") -> Json:
    """A request's body, which is required."""
    merged = {kind: media for each in contents for kind, media in each.items()}
    found: Json = {"required": True, "content": merged}
    return found | {"description": description} if description else found


def answer(
    description: str, *contents: Json, headers: Sequence[str] = (), links: Json | None = None
) -> Json:
    """An answer with these contents; ``headers`` are components, ``x-request-id`` always there."""
    found: Json = {"description": description}
    found["headers"] = {name: ref(name, "headers") for name in ("x-request-id", *headers)}
    if contents:
        found["content"] = {kind: media for each in contents for kind, media in each.items()}
    if links:
        found["links"] = links
    return found


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one URL. ``path`` is written as OpenAPI writes it.

    ``answers`` are those that are no errors, by status; ``errors`` the statuses of the others,
    which all have OpenAI's shape. ``key`` says which key opens it.
    """

    method: Method
    path: str
    id: str
    tag: str
    summary: str
    answers: Mapping[int, Json]
    errors: tuple[int, ...] = ()
    description: str = ""
    parameters: tuple[Json, ...] = ()
    body: Json | None = None
    key: Key = "api"
    extra: Mapping[str, Any] = field(default_factory=dict)
