"""Schemas of many kinds, each enforceable: random walks and a real model must keep to them."""

from __future__ import annotations

from typing import Any

SCHEMAS: dict[str, Any] = {
    "person": {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    },
    "bounds": {"type": "integer", "minimum": -5, "exclusiveMaximum": 17},
    "decimal bounds": {"type": "number", "exclusiveMinimum": 0.5, "maximum": 3.25},
    "steps": {"type": "integer", "multipleOf": 7, "minimum": 1, "maximum": 1000},
    "quarters": {"type": "number", "multipleOf": 0.25, "minimum": 0, "maximum": 10},
    "enum": {"enum": ["red", "green", 3, None, {"a": [1]}, 'quo"te', "línea\n"]},
    "const": {"const": {"kind": "x", "of": [1, 2.5]}},
    "two types": {"type": ["integer", "null"], "minimum": 3},
    "any of": {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "^[ab]{2,4}$"}]},
    "one of": {
        "oneOf": [
            {
                "type": "object",
                "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
                "required": ["kind", "lives"],
            },
            {
                "type": "object",
                "properties": {"kind": {"const": "dog"}, "name": {"type": "string"}},
                "required": ["kind", "name"],
            },
        ]
    },
    "all of": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"a": {"minimum": 10}, "b": {"type": "boolean"}}, "required": ["b"]},
        ]
    },
    "array": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 4},
    "tuple": {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "boolean"}],
        "items": False,
        "minItems": 2,
    },
    "map": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
    "small map": {"type": "object", "minProperties": 1, "maxProperties": 2},
    "named by pattern": {
        "type": "object",
        "patternProperties": {"^n_[a-z]{1,3}$": {"type": "number"}},
        "additionalProperties": False,
    },
    "open object": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b/c": {"type": "string"}},
        "required": ["b/c"],
    },
    "tree": {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer", "minimum": 0, "maximum": 9},
                    "children": {
                        "type": "array",
                        "items": {"$ref": "#/$defs/node"},
                        "maxItems": 2,
                    },
                },
                "required": ["value"],
                "additionalProperties": False,
            }
        },
        "$ref": "#/$defs/node",
    },
    "keywords as names": {
        "type": "object",
        "properties": {"not": {"type": "boolean"}, "if": {"const": 1}, "$ref": {"type": "null"}},
        "required": ["not", "if", "$ref"],
        "additionalProperties": False,
    },
    "text lengths": {"type": "string", "minLength": 3, "maxLength": 6},
    "no type": {"minimum": 5, "maxLength": 2, "items": {"type": "boolean"}},
    "required unlisted": {
        "type": "object",
        "required": ["x"],
        "additionalProperties": {"type": "boolean"},
    },
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "date-time": {"type": "string", "format": "date-time"},
    "email": {"type": "string", "format": "email", "maxLength": 40},
    "uuid": {"type": "string", "format": "uuid"},
    "ipv4": {"type": "string", "format": "ipv4"},
    "annotated": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.org/x",
        "title": "T",
        "description": "d",
        "default": {"not": 1},
        "examples": [1],
        "$comment": "c",
        "x-internal": {"if": 1},
        "x-guidance": {"lenient": True},
        "type": "array",
        "uniqueItems": False,
        "items": {"type": "string", "enum": ["a", "b"], "readOnly": True, "deprecated": True},
        "maxItems": 3,
    },
    "anything": {},
}
