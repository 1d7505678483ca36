"""The names under which the cache's Redis keeps answers and vectors. Pure.

Model and owner stand in a name as short hashes: whoever forgets what a model or an owner left
there finds it by the names alone. Every value begins with the time of its creation, as
``creation`` writes it, so that its age is read without the rest of it.
"""

from __future__ import annotations

import hashlib
import re
import struct
from typing import Literal

Kind = Literal["answer", "vector"]
KINDS: tuple[Kind, ...] = ("answer", "vector")

# Seconds since the epoch, a little-endian float64: the first bytes of every value.
CREATION_BYTES = 8

_SHORT_DIGITS = 16
_CREATION = struct.Struct("<d")
# What a pattern of SCAN does not take as it stands.
_WILD = re.compile(r"([\\*?\[\]])")


def short(name: str) -> str:
    """A model's or an owner's name as it stands in keys: the begin of its SHA-256, in hex."""
    return hashlib.sha256(name.encode()).hexdigest()[:_SHORT_DIGITS]


def stem(prefix: str, kind: Kind, model: str, owner: str) -> str:
    """What the keys of an owner's answers by a model begin with; a digest makes one complete."""
    return f"{prefix}:{kind}:{short(model)}:{short(owner)}:"


def key(prefix: str, kind: Kind, model: str, owner: str, digest: str) -> str:
    """Where one answer, or one vector, is kept."""
    return stem(prefix, kind, model, owner) + digest


def pattern(prefix: str, *, model: str | None = None, owner: str | None = None) -> str:
    """What the keys of both kinds match, for SCAN; of every model and owner where None is given."""
    # Both kinds have six letters: one pattern, one scan.
    parts = ("*" if name is None else short(name) for name in (model, owner))
    return ":".join((_WILD.sub(r"\\\1", prefix), "[av]?????", *parts, "*"))


def is_kept(prefix: str, name: bytes) -> bool:
    """Whether a key that matched a ``pattern`` is an answer's or a vector's."""
    return any(name.startswith(f"{prefix}:{kind}:".encode()) for kind in KINDS)


def creation(created_at_s: float) -> bytes:
    """The first bytes of a value that was made then."""
    return _CREATION.pack(created_at_s)


def created_at_s(begin: bytes) -> float | None:
    """When a value was made, from its first bytes; None for one that is too short to be ours."""
    if len(begin) < CREATION_BYTES:
        return None
    made_s: float = _CREATION.unpack_from(begin)[0]
    return made_s
