"""The ids of pictures in a prompt: below zero, and made of what is seen there.

A prompt is a list of ids. Those of text are the model's own, from 0 on. A picture takes as many
positions as the model makes of it, in one piece or, cut up, in several; the id of a position says
which picture it belongs to, which piece, and which place in that. Equal ids stand for equal
content: whoever compares prompts with memories need not know that there are pictures.
"""

from __future__ import annotations

import hashlib

_PLACE_BITS = 16
_PIECE_BITS = 16
_DIGEST_BYTES = 16

MOST_PLACES = 1 << _PLACE_BITS
"""Positions that a piece may have."""


def digest_of(data: bytes) -> int:
    """What tells one picture from another: its file's content, as a number of 128 bits."""
    return int.from_bytes(hashlib.sha256(data).digest()[:_DIGEST_BYTES])


def piece_key(digest: int, piece: int) -> int:
    """What tells a piece of a picture from all others."""
    return digest << _PIECE_BITS | piece


def positions(digest: int, piece: int, count: int) -> list[int]:
    """The ids of all ``count`` positions of a picture's piece."""
    first = piece_key(digest, piece) << _PLACE_BITS
    return [~(first + place) for place in range(count)]


def key_of(token: int) -> int:
    """The ``piece_key`` of the piece that a position belongs to."""
    return ~token >> _PLACE_BITS


def place_of(token: int) -> int:
    """Which position of its piece it is."""
    return ~token & (MOST_PLACES - 1)


def picture_of(token: int) -> int:
    """The digest of the picture that a position belongs to."""
    return key_of(token) >> _PIECE_BITS


def number_of(token: int) -> int:
    """Which piece of its picture a position belongs to."""
    return key_of(token) & ((1 << _PIECE_BITS) - 1)
