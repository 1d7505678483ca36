"""What cannot be enforced is refused, and hostile schemas are refused quickly."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest

from tasks.errors import InvalidJob
from tasks.jobs import Form
from worker.constraints.forms import Grammars

_PARAM = "response_format.json_schema.schema"
_MOST_S = 5.0


def refusal(grammars: Grammars, source: str) -> str:
    """The sentence that the schema is refused with."""
    with pytest.raises(InvalidJob) as refused:
        grammars.of(Form("schema", source))
    assert refused.value.param == _PARAM
    return refused.value.message


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"uniqueItems": True}, "uniqueItems"),
        ({"not": {}}, "say what is allowed instead"),
        ({"if": {}, "then": {}}, "'if'"),
        ({"contains": {}}, "contains"),
        ({"propertyNames": {}}, "propertyNames"),
        ({"dependentRequired": {}}, "dependentRequired"),
        ({"dependentSchemas": {}}, "dependentSchemas"),
        ({"dependencies": {}}, "dependencies"),
        ({"unevaluatedProperties": False}, "write additionalProperties"),
        ({"unevaluatedItems": False}, "unevaluatedItems"),
        ({"$dynamicRef": "#a"}, "dynamicRef"),
        ({"$anchor": "a"}, "anchor"),
        ({"contentEncoding": "base64"}, "contentEncoding"),
        ({"nullable": True}, '"null"'),
        ({"minimun": 3}, "'minimun' cannot be enforced"),
        ({"properties": {"a": {"items": {"not": {}}}}}, "#/properties/a/items"),
        ({"$defs": {"unused": {"not": {}}}}, "#/$defs/unused"),
        ({"anyOf": [{}, {"not": {}}]}, "#/anyOf/1"),
        ({"type": "string", "format": "regex"}, "format 'regex'"),
        ({"type": "integer", "format": "int32"}, "format 'int32'"),
        ({"type": "string", "pattern": "^(?=a)"}, "look-around"),
        ({"type": "string", "pattern": "(a)\\1"}, "backreferences"),
        ({"type": "string", "pattern": "[a&&b]"}, "means different things"),
        ({"type": "string", "pattern": "^[a--b]$"}, "means different things"),
        ({"type": "string", "pattern": "[[a]]"}, "means different things"),
        ({"type": "string", "pattern": "\\Aa"}, "means different things"),
        ({"patternProperties": {"[a~~b]": {}}}, "means different things"),
        ({"$ref": "https://example.org/x"}, "is not followed"),
        ({"$ref": "other.json"}, "is not followed"),
        ({"$ref": "#/$defs/a"}, "leads to no schema"),
        ({"default": {"type": "string"}, "$ref": "#/default"}, "leads to no schema"),
        ({"properties": {"a": {"$id": "x"}}}, "$id"),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, "else write anyOf"),
        ({"type": "object", "minProperties": 2}, "minProperties above 1"),
        ({"items": {}, "additionalItems": False}, "additionalItems"),
        ({"prefixItems": [{}], "items": [{}]}, "exclude each other"),
        ({"type": "strin"}, "type is one of"),
        ({"type": []}, "type is one of"),
        ({"enum": []}, "enum is a list"),
        ({"enum": ["\x01"]}, "control character"),
        ({"required": "a"}, "required is a list"),
        ({"properties": []}, "an object that names schemas"),
        ({"properties": {"a": 3}}, "a schema is an object"),
        ({"anyOf": []}, "a list of schemas"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "Unsatisfiable"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "Unsatisfiable"),
        ({"type": "integer", "multipleOf": 0}, "above 0"),
        ({"type": "array", "maxItems": -1}, "maxItems"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "Unsatisfiable"),
        ([], "no JSON object"),
        (True, "no JSON object"),
    ],
)
def test_unenforceable_is_refused(schema: Any, said: str, grammars: Grammars) -> None:
    """The sentence names the keyword and its place, or what to write instead."""
    assert said in refusal(grammars, json.dumps(schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
        {"type": "array", "prefixItems": [{"$ref": "#"}], "minItems": 1},
        {"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"$ref": "#/$defs/x"}}},
        {"type": "object", "additionalProperties": {"$ref": "#"}, "required": ["a"]},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#/anyOf/0"}]},
    ],
)
def test_endless_recursion_is_refused(schema: Any, grammars: Grammars) -> None:
    """A schema whose every answer goes on for ever is refused before a model follows it."""
    assert "can ever end" in refusal(grammars, json.dumps(schema))


def test_deep_references_are_refused(grammars: Grammars) -> None:
    """The library overflows the stack on long chains of ``$ref``: they never get there."""
    assert "500 levels deep" in refusal(grammars, json.dumps(_chain(600, "anyOf")))


@pytest.mark.parametrize("source", ["", "{", "nonsense", '{"const": NaN}', '{"const": 1e999}'])
def test_broken_json_is_refused(source: str, grammars: Grammars) -> None:
    """Text that is no JSON, or has numbers that JSON does not, is refused."""
    assert "JSON" in refusal(grammars, source)


def _nested(depth: int) -> str:
    return '{"items": ' * depth + "{}" + "}" * depth


def _chain(length: int, wrap: str) -> dict[str, Any]:
    definitions: dict[str, Any] = {"x0": {"type": "object"}}
    for i in range(1, length):
        definitions[f"x{i}"] = {wrap: [{"$ref": f"#/$defs/x{i - 1}"}] * 2}
    return {"$ref": f"#/$defs/x{length - 1}", "$defs": definitions}


def _crossed(count: int, make: str) -> dict[str, Any]:
    return {
        "allOf": [
            {"anyOf": [{make: {f"p{i}x{j}": {"type": "integer"}}} for j in range(count)]}
            for i in range(count)
        ]
    }


def _text(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern}


HOSTILE: dict[str, Any] = {
    "130 levels": _nested(130),
    "5000 levels": _nested(5000),
    "100,000 brackets": "[" * 60_000,
    "too long": {"enum": ["x" * 70_000]},
    "a number of 5000 digits": '{"const": ' + "9" * 5000 + "}",
    "a huge integer": {"type": "integer", "minimum": 10**400},
    "half a surrogate": {"enum": ["\ud800"]},
    "references that double": _chain(40, "allOf"),
    "a long chain": _chain(1000, "anyOf"),
    "choices that double": _chain(40, "anyOf"),
    "choices that multiply": _crossed(8, "properties"),
    "a million of a kind": _text("^a{1000000}$"),
    "repeated repetitions": _text("^((a{100}){100}){100}$"),
    "an exponential pattern": _text("^(a|b)*a(a|b){25}$"),
    "a quadratic pattern": _text("^(.*a){1000}$"),
    "20,000 parentheses": _text("(" * 20_000 + ")" * 20_000),
    "optional letters": _text("^" + "a?" * 5000 + "a" * 5000 + "$"),
    "a long pattern": _text("^" + "ab" * 30_000 + "$"),
    "a text of 10^18": {"type": "string", "minLength": 10**18},
    "a list of a million": {"type": "array", "items": {"type": "integer"}, "minItems": 10**6},
    "a list of 10^18": {"type": "array", "maxItems": 10**18},
    "1500 properties": {"properties": {f"p{i}": {"type": "string"} for i in range(1500)}},
    "6000 values": {"enum": [f"v{i}" for i in range(6000)]},
    "steps of a million": {"type": "integer", "multipleOf": 1_000_003},
    "steps that multiply": {"allOf": [{"multipleOf": 9973}, {"multipleOf": 9967}]},
    "the largest step": {"type": "integer", "multipleOf": 9973},
    "a step of 10^-300": {"type": "number", "multipleOf": 1e-300},
    "patterns that meet": {"patternProperties": {f"^a{i}.*b": {} for i in range(200)}},
    "an empty pattern": {"type": "string", "pattern": "a.*b.*c", "minLength": 3000},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schemas_end_quickly(name: str, grammars: Grammars) -> None:
    """Each is refused or its first 50 masks are there within seconds, and the process lives."""
    hostile = HOSTILE[name]
    source = hostile if isinstance(hostile, str) else json.dumps(hostile)
    began = time.monotonic()
    with suppress(InvalidJob):
        walk = grammars.of(Form("schema", source))()
        for _ in range(50):
            walk.accept(int(walk.mask().argmax()))
    assert time.monotonic() - began < _MOST_S
