"""What of a prompt can be fed at once: text with text, and each piece of a picture by itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from worker.runtimes.positions import key_of


def first_run(tokens: Sequence[int], most: int) -> int:
    """How many tokens from the first one on go together; of text at most ``most``."""
    if tokens[0] >= 0:
        text = enumerate(islice(tokens, most))
        return next((place for place, token in text if token < 0), min(len(tokens), most))
    key = key_of(tokens[0])
    rest = enumerate(tokens)
    return next((place for place, token in rest if token >= 0 or key_of(token) != key), len(tokens))
