"""The form that an answer must have: OpenAI's ``response_format``, llama-server's names for it.

A form is a promise. Whatever would let an answer end before its form is complete, or would have
two forms for one answer, is refused rather than resolved in silence. Whether a schema or a
grammar can be compiled, the model's worker says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from app.openai.answer_fields import AnswerBody
from app.openai.errors import BadRequest
from app.openai.sizes import utf8_bytes
from tasks.jobs import Form

MAX_SOURCE_BYTES = 65_536
"""Of a schema (without its white space) or of a grammar."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""OpenAI's rule for the names of schemas and of functions."""


class SchemaFormat(msgspec.Struct):
    """OpenAI's named schema; every one is kept strictly, whatever ``strict`` says."""

    name: str
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct):
    """The form that the answer must have; ``schema`` is llama-server's, beside json_object."""

    type: str
    json_schema: SchemaFormat | None = None
    schema: dict[str, Any] | None = None


class Formed(Protocol):
    """A request that may ask for a form under several names."""

    grammar: str | None
    json_schema: dict[str, Any] | None


def form_of(asked: Formed, response_format: ResponseFormat | None) -> tuple[str, Form] | None:
    """The field that asks for a form, and the form; None when the answer is free."""
    found: dict[str, Form] = {}
    if response_format and (form := _of_response_format(response_format)):
        found["response_format"] = form
    if asked.json_schema is not None:
        found["json_schema"] = Form("schema", schema_text(asked.json_schema, "json_schema"))
    if asked.grammar:
        found["grammar"] = Form("gbnf", _bounded(asked.grammar, "grammar"))
    if not found:
        return None
    first, *others = found
    if others:
        raise BadRequest(
            f"'{others[0]}' and '{first}' both say what the answer must look like: send one of "
            "them.",
            param=others[0],
        )
    return first, found[first]


def agreed_form(
    found: tuple[str, Form] | None, asked: AnswerBody, *, may_call: bool
) -> Form | None:
    """The form that the field ``found`` names; ``BadRequest`` when the answer may be a call, too.

    An answer is a document of its form or a call, never both.
    """
    if found is None:
        return None
    param, form = found
    if may_call:
        raise BadRequest(
            f"'{param}' and 'tools' both say what the answer must look like: leave one of them "
            "out, or set 'tool_choice' to none.",
            param=param,
        )
    check_endings(param, "an answer of that form", asked, may_stop=False)
    return form


def check_endings(param: str, promise: str, asked: AnswerBody, *, may_stop: bool) -> None:
    """Refuse what would cut short, or never end, what the field ``param`` has promised."""
    if asked.ignore_eos:
        raise BadRequest(
            f"'ignore_eos' does not go with '{param}': {promise} ends by itself. Leave one of them "
            "out.",
            param="ignore_eos",
        )
    if asked.stop and not may_stop:
        raise BadRequest(
            f"'stop' does not go with '{param}': a stop string could cut {promise} short. Leave "
            "one of them out.",
            param="stop",
        )


def schema_text(schema: Mapping[str, Any], param: str) -> str:
    """``schema`` as JSON text without white space.

    Its keys keep their order: it is the order in which an answer's fields are written.
    """
    return _bounded(msgspec.json.encode(schema).decode(), param)


def check_name(name: str, param: str) -> str:
    """``name`` when it is one that OpenAI would take."""
    if NAME.fullmatch(name):
        return name
    raise BadRequest(
        f"'{param}' must be 1 to 64 letters, digits, underscores and dashes.", param=param
    )


def _of_response_format(asked: ResponseFormat) -> Form | None:
    match asked.type:
        case "text":
            return None
        case "json_object" if asked.schema is None:
            return Form("json")
        case "json_object":
            assert asked.schema is not None
            return Form("schema", schema_text(asked.schema, "response_format.schema"))
        case "json_schema":
            return _named_schema(asked.json_schema)
    raise BadRequest(
        "'response_format.type' must be text, json_object or json_schema; a grammar goes into "
        "'grammar'.",
        param="response_format.type",
    )


def _named_schema(asked: SchemaFormat | None) -> Form:
    where = "response_format.json_schema"
    if asked is None or asked.schema is None:
        missing = where if asked is None else f"{where}.schema"
        raise BadRequest(
            f"'{missing}' is missing: it is required when 'response_format.type' is json_schema.",
            param=missing,
            code="missing_required_parameter",
        )
    check_name(asked.name, f"{where}.name")
    return Form("schema", schema_text(asked.schema, f"{where}.schema"))


def _bounded(source: str, param: str) -> str:
    size = utf8_bytes(source)
    if size > MAX_SOURCE_BYTES:
        raise BadRequest(
            f"'{param}' has {size} bytes; at most {MAX_SOURCE_BYTES} are read: send a smaller one.",
            param=param,
        )
    return source
