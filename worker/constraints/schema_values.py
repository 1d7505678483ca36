"""What the values of a schema's keywords must be, where the library would misread them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from worker.constraints import schema_words as words

Schema = dict[str, Any]
# ECMAScript reads these as plain letters, the library as places in the text.
_PLACES = frozenset("AZazGCQE")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CLASS = re.compile(r"\\.|\[\^?\]?((?:\\.|[^\]\\])*)\]", re.DOTALL)
_CLASS_OPERATORS = re.compile(r"(?:\\.)|(&&|--|~~|\[)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x07\x0b\x0e-\x1f]")


def check_values(schema: Schema) -> str | None:
    """What is wrong with the keywords of one schema, whose parts are in order; None if nothing."""
    return next((reason for reason in _faults(schema)), None)


def _faults(schema: Schema) -> Iterator[str]:
    yield from _type_faults(schema)
    yield from _number_faults(schema)
    yield from _string_faults(schema)
    if "additionalItems" in schema and not isinstance(schema.get("items"), list):
        yield "additionalItems has no effect without a list in items; write items after prefixItems"
    if "prefixItems" in schema and isinstance(schema.get("items"), list):
        yield "prefixItems and a list in items exclude each other; leave one out"
    yield from _count_faults(schema)


def _type_faults(schema: Schema) -> Iterator[str]:
    if "type" in schema:
        named = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not named or not all(isinstance(n, str) and n in words.TYPES for n in named):
            yield f"type is one of {', '.join(sorted(words.TYPES))}, or a list of these"
    if "enum" in schema and not (isinstance(schema["enum"], list) and schema["enum"]):
        yield "enum is a list of at least one value"
    if "required" in schema and not _are_strings(schema["required"]):
        yield "required is a list of property names"


def _number_faults(schema: Schema) -> Iterator[str]:
    step = schema.get("multipleOf", 1)
    if isinstance(step, bool) or not isinstance(step, int | float) or step <= 0:
        yield "multipleOf is a number above 0"


def _string_faults(schema: Schema) -> Iterator[str]:
    if "format" in schema and schema["format"] not in words.FORMATS:
        known = ", ".join(sorted(words.FORMATS))
        yield f"format {schema['format']!r} cannot be enforced, only {known}; leave it out"
    patterns = [schema["pattern"]] if "pattern" in schema else []
    for pattern in [*patterns, *schema.get("patternProperties", {})]:
        if not isinstance(pattern, str):
            yield "pattern is a string"
        elif _PLACES & set(_ESCAPE.findall(pattern)) or _has_class_operator(pattern):
            yield f"the pattern {pattern[:80]!r} means different things to different readers; "
            "write ^ and $ for its ends, and put a backslash before [, && and -- inside brackets"
    if any(_CONTROL.search(text) for text in _texts([schema.get("enum"), schema.get("const")])):
        yield "enum and const hold a control character, which answers cannot; leave it out"


def _count_faults(schema: Schema) -> Iterator[str]:
    required = schema.get("required", [])
    # Names that are not listed may come twice in an answer, and readers keep only one of them.
    if schema.get("minProperties", 0) > max(1, len(set(required))):
        yield "minProperties above 1 cannot be enforced; list the properties in required"


def _has_class_operator(pattern: str) -> bool:
    inside = (found[1] for found in _CLASS.finditer(pattern) if found[1])
    return any(match[1] for text in inside for match in _CLASS_OPERATORS.finditer(text))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _texts(each)


def _are_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def common_multiple(schemas: Iterable[object]) -> int:
    """Least common multiple of all ``multipleOf``, counted in the smallest decimal of them.

    Schemas that are joined need it, and which ones are joined only the library knows.
    """
    steps = {
        Fraction(str(schema["multipleOf"]))
        for schema in schemas
        if isinstance(schema, dict) and "multipleOf" in schema
    }
    scale = math.lcm(*(step.denominator for step in steps))
    return math.lcm(*(int(step * scale) for step in steps))
