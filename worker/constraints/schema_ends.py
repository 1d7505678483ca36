"""Whether a schema that refers to itself leaves a way out.

``{"properties": {"next": {"$ref": "#"}}, "required": ["next"]}`` asks for a text without end: a
model that follows it writes until its context is full.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from worker.constraints.references import References, depth, settled

Schema = dict[str, Any]


def endless(schemas: dict[str, Any]) -> str | None:
    """The first place whose schema no finite answer fulfils; ``schemas`` holds all, by place.

    ``false`` is none of these: it says what must not be there.
    """
    ending = settled(references(schemas), lambda where, found: _ends(schemas[where], where, found))
    return next((w for w, s in schemas.items() if w not in ending and s is not False), None)


def levels(schemas: dict[str, Any]) -> int:
    """How deep the library may have to descend, from schemas into others and along ``$ref``."""
    return depth(references(schemas), dict.fromkeys(schemas, 1))


def references(schemas: dict[str, Any]) -> References:
    """For every place, the places of the schemas in it, and where its ``$ref`` leads."""
    found: dict[str, list[str]] = {where: [] for where in schemas}
    for where, schema in schemas.items():
        parent = where.rpartition("/")[0]
        while parent and parent not in schemas:
            parent = parent.rpartition("/")[0]
        if parent and "/$defs/" not in where[len(parent) :]:
            found[parent].append(where)
        if isinstance(schema, dict) and "$ref" in schema:
            found[where].append(schema["$ref"])
    return found


def _ends(schema: Schema | bool, where: str, ending: set[str]) -> bool:
    if isinstance(schema, bool):
        return schema
    if "$ref" in schema and schema["$ref"] not in ending:
        return False
    for word, enough in (("allOf", all), ("anyOf", any), ("oneOf", any)):
        if word in schema and not enough(
            f"{where}/{word}/{i}" in ending for i in range(len(schema[word]))
        ):
            return False
    kinds = schema.get("type", "null")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if set(kinds) - {"array", "object"}:
        return True
    needed = {"object": _needed_of_object, "array": _needed_of_array}
    return any(all(place in ending for place in needed[kind](schema, where)) for kind in kinds)


def _needed_of_object(schema: Schema, where: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name in schema.get("properties", {}):
            yield f"{where}/properties/{name.replace('~', '~0').replace('/', '~1')}"
        elif isinstance(schema.get("additionalProperties"), dict):
            yield f"{where}/additionalProperties"


def _needed_of_array(schema: Schema, where: str) -> Iterator[str]:
    first = schema.get("prefixItems", ())
    least = schema.get("minItems", 0)
    count = least if isinstance(least, int) else 0
    for i in range(min(count, len(first))):
        yield f"{where}/prefixItems/{i}"
    if count > len(first) and isinstance(schema.get("items"), dict):
        yield f"{where}/items"
