"""JSON Schemas as clients send them: read, bounded, and either enforced or refused.

The library refuses most of what it cannot enforce, but it passes over keywords that it does not
know, over ``format`` on anything but strings, and over what only a ``$ref`` into some unread
corner reaches. Here every place that can hold a schema is visited, and what is handed on is a copy
of what was understood.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from tasks.errors import InvalidJob
from worker.constraints import schema_words as words
from worker.constraints.references import MOST_LEVELS
from worker.constraints.schema_ends import endless, levels
from worker.constraints.schema_values import check_values, common_multiple

MOST_CHARACTERS = 64 * 1024
MOST_DEPTH = 128
MOST_COMMON_MULTIPLE = 10_000
"""The library builds one state per remainder: 0.04 s for these, and for 10 million minutes."""

Schema = dict[str, Any]


def read(source: str, *, param: str) -> Schema:
    """The schema in ``source``, all of it enforceable.

    Raises ``InvalidJob`` with the place and the remedy for anything else.
    """
    if len(source) > MOST_CHARACTERS:
        raise _invalid(f"it has more than {MOST_CHARACTERS} characters; shorten it", param)
    try:
        found = json.loads(source, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"it is no JSON: {error}", param) from error
    if not isinstance(found, dict):
        raise _invalid("it is no JSON object; write an object", param)
    return _Reader(param).read(found)


class _Reader:
    def __init__(self, param: str) -> None:
        self._param = param
        self._visited: dict[str, Any] = {}
        self._refs: list[tuple[str, str]] = []

    def read(self, schema: Schema) -> Schema:
        copied = self._copy(schema, "#", 0)
        for where, target in self._refs:
            if target not in self._visited:
                self._fail(where, f"$ref {target!r} leads to no schema in here; write #/$defs/NAME")
        if levels(self._visited) > MOST_LEVELS:
            self._fail("#", f"its schemas lead more than {MOST_LEVELS} levels deep; flatten them")
        if (stuck := endless(self._visited)) is not None:
            self._fail(stuck, "no answer to it can ever end; let something in it be left out")
        if common_multiple(self._visited.values()) > MOST_COMMON_MULTIPLE:
            self._fail(
                "#",
                "the values of multipleOf have a least common multiple of more than "
                f"{MOST_COMMON_MULTIPLE} of their smallest decimals; use smaller ones",
            )
        assert isinstance(copied, dict)
        return copied

    def _copy(self, schema: object, where: str, depth: int) -> Any:
        if depth > MOST_DEPTH:
            self._fail(where, f"it is nested more than {MOST_DEPTH} deep; flatten it")
        if isinstance(schema, bool):
            self._visited[where] = schema
            return schema
        if not isinstance(schema, dict):
            self._fail(where, "a schema is an object, true or false")
        copied: Schema = {}
        self._visited[where] = copied
        for word, value in schema.items():
            self._take(copied, word, value, where, depth)
        if reason := check_values(copied):
            self._fail(where, reason)
        return copied

    def _take(self, copied: Schema, word: str, value: Any, where: str, depth: int) -> None:
        inside = f"{where}/{_escaped(word)}"
        if word in words.SCHEMA and not (word == "items" and isinstance(value, list)):
            copied[word] = self._copy(value, inside, depth + 1)
        elif word in words.SCHEMA_LISTS or word == "items":
            copied[word] = self._copy_list(value, inside, depth)
        elif word in words.SCHEMA_MAPS:
            copied[word] = self._copy_map(value, inside, depth)
        elif word == "$ref":
            copied[word] = self._ref(value, where)
        elif word in words.VALUES:
            copied[word] = self._plain(value, inside, depth)
        elif word == "$id" and where != "#":
            self._fail(where, "$id is understood at the top only; refer to places with #/$defs")
        elif not self._says_nothing(word, value):
            remedy = words.REMEDIES.get(word, "leave it out")
            self._fail(where, f"{word!r} cannot be enforced; {remedy}")

    def _says_nothing(self, word: str, value: object) -> bool:
        if word in words.ANNOTATIONS or word.startswith("x-"):
            return True
        return word in words.WITHOUT_EFFECT and value is words.WITHOUT_EFFECT[word]

    def _copy_list(self, value: object, where: str, depth: int) -> list[Any]:
        if not isinstance(value, list) or not value:
            self._fail(where, "a list of schemas is expected")
        return [self._copy(each, f"{where}/{i}", depth + 1) for i, each in enumerate(value)]

    def _copy_map(self, value: object, where: str, depth: int) -> Schema:
        if not isinstance(value, dict):
            self._fail(where, "an object that names schemas is expected")
        return {
            name: self._copy(each, f"{where}/{_escaped(name)}", depth + 1)
            for name, each in value.items()
        }

    def _ref(self, value: object, where: str) -> str:
        if not isinstance(value, str) or not (value == "#" or value.startswith("#/")):
            self._fail(where, f"$ref {value!r} is not followed; write #/$defs/NAME")
        if "%" in value:
            self._fail(
                where, f"$ref {value!r} has escapes with %; give the definition a plain name"
            )
        self._refs.append((where, value))
        return value

    def _plain(self, value: Any, where: str, depth: int) -> Any:
        if depth > MOST_DEPTH:
            self._fail(where, f"it is nested more than {MOST_DEPTH} deep; flatten it")
        if isinstance(value, float) and not math.isfinite(value):
            self._fail(where, "the number is too large")
        if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            self._fail(where, "half a surrogate pair is no character")
        if isinstance(value, list):
            for each in value:
                self._plain(each, where, depth + 1)
        if isinstance(value, dict):
            for name, each in value.items():
                self._plain(name, where, depth + 1)
                self._plain(each, where, depth + 1)
        return value

    def _fail(self, where: str, reason: str) -> NoReturn:
        raise _invalid(f"at {where[:200]}, {reason}", self._param)


def _escaped(word: str) -> str:
    return word.replace("~", "~0").replace("/", "~1")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not in JSON")


def _invalid(reason: str, param: str) -> InvalidJob:
    return InvalidJob(f"The JSON Schema cannot be enforced: {reason}.", param=param)
