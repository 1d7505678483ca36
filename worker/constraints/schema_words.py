"""The keywords of JSON Schema: which are enforced, which say nothing about an answer.

Each was tried against llguidance 1.9.1 and against an independent validator. A keyword in none of
these sets is refused, so that what a later draft adds is never overlooked.
"""

from __future__ import annotations

SCHEMA = frozenset({"additionalItems", "additionalProperties", "items"})
"""Keywords whose value is a schema."""

SCHEMA_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
"""Keywords whose value is a list of schemas."""

SCHEMA_MAPS = frozenset({"$defs", "definitions", "patternProperties", "properties"})
"""Keywords whose value names schemas: the names in it are no keywords."""

VALUES = frozenset(
    {
        *("$ref", "const", "enum", "format", "pattern", "required", "type"),
        *("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"),
        *("maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"),
    }
)
"""Keywords that the library enforces, and whose value holds no schema."""

ANNOTATIONS = frozenset(
    {
        *("$comment", "$id", "$schema", "default", "deprecated", "description", "discriminator"),
        *("example", "examples", "externalDocs", "readOnly", "title", "writeOnly"),
    }
)
"""Keywords that constrain nothing, in JSON Schema or in OpenAPI."""

WITHOUT_EFFECT: dict[str, object] = {"nullable": False, "uniqueItems": False}
"""Keywords that constrain nothing as long as they have this value."""

TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})

FORMATS = frozenset(
    {
        *("date", "date-time", "duration", "email", "hostname"),
        *("ipv4", "ipv6", "time", "uri", "uuid"),
    }
)

REMEDIES = {
    "contains": "give every item the same schema in items",
    "dependentRequired": "write one schema per case in anyOf",
    "dependentSchemas": "write one schema per case in anyOf",
    "if": "write one schema per case in anyOf",
    "not": "say what is allowed instead, in enum or anyOf",
    "nullable": 'write "type": ["string", "null"]',
    "propertyNames": "write patternProperties with additionalProperties false",
    "unevaluatedProperties": "write additionalProperties",
    "uniqueItems": "leave it out, and drop what comes twice yourself",
}
"""What to write instead of a keyword that is refused."""
