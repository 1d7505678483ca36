"""What a schema says is what its grammar lets through, against an independent validator."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tasks.jobs import Form
from tests.worker.constraints.byte_model import ByteModel
from tests.worker.constraints.schemas import SCHEMAS
from tests.worker.constraints.walks import follows, wander
from worker.constraints.forms import Grammars

_SEEDS = range(40)


def form(schema: object) -> Form:
    """The schema as a job carries it."""
    return Form("schema", json.dumps(schema))


@pytest.mark.parametrize("name", SCHEMAS)
def test_random_answers_validate(name: str, grammars: Grammars, model: ByteModel) -> None:
    """Whatever is drawn at random through the masks is valid, once it has ended."""
    schema = SCHEMAS[name]
    constrain = grammars.of(form(schema))
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    ended = [text for seed in _SEEDS if (text := wander(constrain(), model, seed)) is not None]
    assert len(ended) >= len(_SEEDS) // 4
    for text in ended:
        assert validator.is_valid(json.loads(text)), text


@pytest.mark.parametrize(
    ("schema", "inside", "outside"),
    [
        ({"type": "object"}, '{"a": [1, {"b": null}]}', "[]"),
        ({"type": "object"}, "{}", '{"a": 1} '),
        ({"type": "integer"}, "-12", "1.5"),
        ({"type": "number", "minimum": 3}, "3.5", "2.99"),
        ({"type": "number", "exclusiveMinimum": 3}, "3.1", "3.0"),
        ({"type": "string", "pattern": "b+"}, '"abba"', '"aa"'),
        ({"type": "string", "pattern": "^[^a]$"}, '"b"', '"a"'),
        ({"type": "string", "pattern": r"^\d$"}, '"3"', '"x"'),
        ({"type": "string", "maxLength": 1}, '"😀"', '"ab"'),
        ({"type": "string", "format": "ipv6"}, '"::1"', '"::g"'),
        ({"type": "string", "format": "hostname"}, '"a.b"', '"-"'),
        ({"type": "string", "format": "uri"}, '"http://a.b/c"', '"x"'),
        ({"type": "string", "format": "duration"}, '"P1D"', '"1D"'),
        ({"enum": ["x", "a@b.co"], "format": "email"}, '"a@b.co"', '"x"'),
        ({"enum": [3, 7], "minimum": 5}, "7", "3"),
        ({"$ref": "#/$defs/a", "minimum": 3, "$defs": {"a": {"type": "integer"}}}, "4", "1"),
        ({"type": "array", "items": [{"type": "null"}], "additionalItems": False}, "[null]", "[1]"),
        ({"properties": {"a": False}}, '{"b": 1}', '{"a": 1}'),
        ({"additionalProperties": False}, "{}", '{"a": 1}'),
        ({"type": "object", "minProperties": 1}, '{"a": 1}', "{}"),
        ({"type": "object", "properties": {"a": {"type": "null"}}}, '{"a": null}', '{"a": 1}'),
        ({"properties": {"a": {"type": "null"}}}, '{"b": "x"}', r'{"\u0061": "x"}'),
        ({"properties": {"a/b": {"type": "null"}}}, '{"a/b": null}', r'{"a\/b": 1}'),
        ({"properties": {"é": {"type": "null"}}}, '{"é": null}', r'{"\u00e9": 1}'),
        ({"properties": {"a": {"type": "null"}}}, '{"a": null}', '{"a": null, "a": 1}'),
    ],
)
def test_keywords_are_enforced(
    schema: dict[str, Any], inside: str, outside: str, grammars: Grammars
) -> None:
    """Of two texts that look alike, the one that the schema allows is let through."""
    constrain = grammars.of(form(schema))
    assert follows(constrain(), inside)
    assert not follows(constrain(), outside)


def test_white_space_is_bounded(grammars: Grammars) -> None:
    """An indented answer is let through, and one that goes on with blanks is not."""
    constrain = grammars.of(Form("json"))
    assert follows(constrain(), json.dumps({"a": [1, {"b": 2}]}, indent=4))
    assert not follows(constrain(), '{"a":  1}')
    assert not follows(constrain(), '{"a":\n\n1}')
    assert not follows(constrain(), '{"a":\n' + " " * 21 + "1}")


def test_any_json_object(grammars: Grammars) -> None:
    """The form ``json`` is one object: no array, no bare value, nothing after it."""
    constrain = grammars.of(Form("json"))
    assert follows(constrain(), '{"deep": {"er": [true, null, 1e5, "x"]}}')
    for other in ("[1]", "1", '"x"', "{}{}", " {}"):
        assert not follows(constrain(), other)
