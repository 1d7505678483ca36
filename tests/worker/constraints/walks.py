"""How the tests of this folder follow a grammar: along a text, or at random."""

from __future__ import annotations

import random

import numpy as np

from tests.worker.constraints.byte_model import ByteModel
from worker.engine.constraint import Constraint

_CLOSING = {ord(char): share for char, share in {'"': 0.3, "}": 0.4, "]": 0.4, ">": 0.4}.items()}


def follows(constraint: Constraint, text: str) -> bool:
    """Whether the masks let the text through, byte by byte, and let it end there."""
    for token in text.encode():
        mask = constraint.mask()
        if mask is None or not mask[token]:
            return False
        constraint.accept(token)
    mask = constraint.mask()
    ends = [token for token in range(ByteModel().vocabulary) if ByteModel().ends(token)]
    return mask is None or bool(mask[ends].all())


def wander(constraint: Constraint, model: ByteModel, seed: int, *, steps: int = 400) -> str | None:
    """An answer drawn at random, bent towards its end; None when it did not come in time."""
    chance = random.Random(seed)
    said = b""
    for _ in range(steps):
        mask = constraint.mask()
        assert mask is not None
        allowed = [int(token) for token in np.flatnonzero(mask)]
        assert allowed, f"nothing may follow {said!r}"
        ends = [token for token in allowed if model.ends(token)]
        if ends and (len(ends) == len(allowed) or chance.random() < 0.5):
            constraint.accept(ends[0])
            return said.decode()
        text = [token for token in allowed if token not in ends]
        closing = [t for t in text if chance.random() < _CLOSING.get(t, 0)]
        token = closing[0] if closing else chance.choice(text)
        constraint.accept(token)
        said += model.piece(token)
    return None
