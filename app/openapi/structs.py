"""Schemas of the structs that read requests and write answers, under the names of components."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from app.openapi.pieces import Json

_REF = "#/components/schemas/"
_CODE = re.compile(r"``([^`]*)``")


def schemas_of(kinds: Mapping[type[msgspec.Struct], str], inner: Mapping[str, str]) -> Json:
    """A schema for each of ``kinds`` and for every struct inside of them.

    ``kinds`` names the component of each; ``inner`` those of the others whose class's name is not
    theirs alone, or says too little. Private classes lose their underscore.
    """
    _, found = msgspec.json.schema_components(list(kinds), ref_template=_REF + "{name}")
    qualified = {f"{kind.__module__}.{kind.__name__}": name for kind, name in kinds.items()}
    plain = {kind.__name__: name for kind, name in kinds.items()}
    names = {}
    for generated in found:
        known = {**plain, **inner, **qualified}
        names[generated] = known.get(generated) or generated.rpartition(".")[2].lstrip("_")
    if len(set(names.values())) != len(names):
        raise ValueError(f"two schemas would have one name: {sorted(names.items())}")
    return {names[generated]: _tidied(schema, names) for generated, schema in found.items()}


def refined(schemas: Json, notes: Mapping[str, Mapping[str, str | Json]]) -> Json:
    """The schemas with ``notes`` on their fields: a description, or keywords to be merged in.

    Raises ``KeyError`` for a note on what is not there: notes must not outlive their field.
    """
    merged = dict(schemas)
    for name, fields in notes.items():
        properties = dict(merged[name]["properties"])
        for field, note in fields.items():
            properties[field] = _noted(properties[field], note)
        merged[name] = {**merged[name], "properties": properties}
    return merged


def _noted(schema: Json, note: str | Json) -> Json:
    if isinstance(note, str):
        return {**schema, "description": note}
    merged = {**schema, **note}
    types = merged.get("type")
    if "enum" in note and isinstance(types, list) and "null" in types:
        merged["enum"] = [*note["enum"], None]
    return merged


def _tidied(schema: Any, names: Mapping[str, str]) -> Any:
    """Names replaced, null told shortly, and nothing said that says nothing."""
    if isinstance(schema, list):
        return [_tidied(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if not _is_idle(key, value)}
    found = {key: _tidied(value, names) for key, value in kept.items()}
    # References, also those of a discriminator's mapping.
    found = {key: _renamed(value, names) for key, value in found.items()}
    if isinstance(found.get("description"), str):
        found["description"] = _CODE.sub(r"`\1`", found["description"])
    if "anyOf" in found:
        return _shortened(found)
    return found


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str) and value.startswith(_REF):
        return _REF + names[value.removeprefix(_REF)]
    return value


def _is_idle(key: str, value: object) -> bool:
    # A field may be called title, and then it is a schema.
    return (key == "title" and isinstance(value, str)) or (
        (key == "default" and value is None) or (key == "required" and value == [])
    )


def _shortened(schema: Json) -> Json:
    """``anyOf`` a plain type and null as one schema of two types."""
    branches: Sequence[Json] = schema["anyOf"]
    others = [each for each in branches if each != {"type": "null"}]
    if len(others) == 1 and len(branches) == 2:
        only = others[0]
        if isinstance(only.get("type"), str) and "enum" not in only:
            rest = {key: value for key, value in schema.items() if key != "anyOf"}
            return {**only, "type": [only["type"], "null"], **rest}
    return schema
