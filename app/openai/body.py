"""A request's bytes to a typed struct; every failure names the field and the remedy.

Decoding is strict, as OpenAI's: no ``"5"`` or ``true`` for a number, no 1.5 for an integer, no
``NaN``. Unknown fields are skipped (clients send newer parameters to older servers), and null
for an optional field means that it is absent (OpenAI's own client sends nulls).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, TypeVar

import msgspec

from app.openai import locate
from app.openai.errors import BadRequest, InvalidJSON

T = TypeVar("T", bound=msgspec.Struct)

MAX_DEPTH = 128
"""Containers within containers. How deep the decoder itself would go depends on the Python
release and on the stack that is left, and a limit that clients meet must not."""

_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"[]{}'))
_OPEN = ord("[")
_STRING = re.compile(rb'"[^"]*"?')

_PLACE = re.compile(r"(.*?)(?: - at (`key` in )?`\$([^`]*)`)?", re.DOTALL)
_TYPE = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_BOUND = re.compile(r"Expected `\w+` (>=|<=|>|<) (\S+)")
_LENGTH = re.compile(r"Expected `(\w+)` of length (>=|<=) (\d+)")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_BYTE = re.compile(r"(?:JSON is malformed: )?(.*) \(byte (\d+)\)")

_NOT_FINITE = (b"nan", b"inf")

_WORDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_GOT = _WORDS | {"bool": "a boolean", "float": "a decimal number"}
_THAN = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_UNITS = {"str": "character", "array": "item", "object": "entry"}
_PLURALS = {"character": "characters", "item": "items", "entry": "entries"}


@cache
def _decoder(kind: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def decode(body: bytes, kind: type[T]) -> T:
    """``body`` as ``kind``; ``BadRequest`` for anything else, and never another exception."""
    try:
        # The decoder does not look inside the fields that it skips, and a body that is half
        # something else than UTF-8 is a client's bug worth hearing of.
        body.decode("utf-8")
        if not deeper_than(body, MAX_DEPTH):
            decoder: msgspec.json.Decoder[T] = _decoder(kind)
            return decoder.decode(body)
    except UnicodeDecodeError as error:
        raise _encoding(body, error.start) from None
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except msgspec.DecodeError as error:
        raise _malformed(body, str(error)) from None
    except RecursionError:
        # The caller had used up most of the stack. The answer is the same.
        pass
    param = locate.path_below(body, MAX_DEPTH)
    raise InvalidJSON(
        f"{_name(param)} is nested too deeply: at most {MAX_DEPTH} levels are read.", param=param
    )


def deeper_than(body: bytes, limit: int) -> bool:
    """Whether brackets nest deeper than ``limit``, in one or two ms per MB of ordinary JSON."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    left = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(_BRACKETS, _NOT_STRUCTURE)
    # Most strings are now two quotes; the others hold brackets that are text.
    left = _STRING.sub(b"", left.replace(b'""', b""))
    # Two layers off at the speed of C: what wide bodies (lists of token ids) consist of.
    left = left.replace(b"[]", b"").replace(b"[]", b"")
    depth = 2
    for bracket in left:
        depth += 1 if bracket == _OPEN else -1
        if depth > limit:
            return True
    return False


def _name(param: str | None) -> str:
    return f"'{param}'" if param else "The request body"


def _either(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _invalid(message: str) -> BadRequest:
    """A value of the wrong type, range or length, in a client author's words."""
    place = _PLACE.fullmatch(message)
    what, of_key, path = place.groups() if place else (message, None, None)
    param = (path or "").replace("[...]", "").removeprefix(".") or None
    name = _name(param)
    if of_key or (path or "").endswith("[...]"):
        name = f"A {'key' if of_key else 'value'} of {name}"

    if match := _MISSING.fullmatch(what):
        param = f"{param}.{match[1]}" if param else match[1]
        return BadRequest(
            f"{_name(param)} is missing: it is required.",
            param=param,
            code="missing_required_parameter",
        )
    if match := _TYPE.fullmatch(what):
        wanted = [_WORDS.get(word, word) for word in match[1].split(" | ") if word != "null"]
        got = _GOT.get(match[2], match[2])
        return BadRequest(
            f"{name} must be {_either(wanted)}, not {got}.", param=param, code="invalid_type"
        )
    if match := _LENGTH.fullmatch(what):
        unit, count = _UNITS[match[1]], match[3]
        unit = unit if count == "1" else _PLURALS[unit]
        return BadRequest(f"{name} must have {_THAN[match[2]]} {count} {unit}.", param=param)
    if match := _BOUND.fullmatch(what):
        bound = match[2].removesuffix(".0")
        return BadRequest(f"{name} must be {_THAN[match[1]]} {bound}.", param=param)
    if what.endswith("out of range"):
        return BadRequest(f"{name} is a number too large to be read.", param=param)
    return BadRequest(f"{name} is not valid: {what}.", param=param)


def _malformed(body: bytes, message: str) -> BadRequest:
    """Bytes that are no JSON, told at the field where the decoder stumbled."""
    if not body.strip():
        return InvalidJSON("The request body is empty: send a JSON object.")
    if (surrogate := locate.lone_surrogate(body)) is not None:
        param = locate.path_at(body, surrogate)
        return InvalidJSON(
            f"{_name(param)} holds half a UTF-16 surrogate pair, which is no character: "
            "escape both halves, or send the character as UTF-8.",
            param=param,
        )
    place = _BYTE.fullmatch(message)
    if place is None:
        return InvalidJSON("The request body is not valid JSON: it ends too early.")
    at = int(place[2])
    # The decoder takes NaN's lower-case n for null's, and tells the byte behind it.
    for start in (at, at - 4):
        if place[1] == "invalid character" and body[start : start + 3].lower() in _NOT_FINITE:
            param = locate.path_at(body, start)
            return InvalidJSON(
                f"{_name(param)} is NaN or infinite, which JSON does not have: "
                "send a finite number.",
                param=param,
            )
    param = locate.path_at(body, at)
    where = f" (in '{param}')" if param else ""
    return InvalidJSON(
        f"The request body is not valid JSON: {place[1]} at byte {at}{where}.", param=param
    )


def _encoding(body: bytes, at: int) -> BadRequest:
    param = locate.path_at(body, at)
    return InvalidJSON(
        f"{_name(param)} is not valid UTF-8 at byte {at}: send the request body as UTF-8.",
        param=param,
    )
