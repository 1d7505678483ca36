"""A batch to be played: texts by their ids, and the lines that ask about them. Pure."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EMBED, CHAT = "minilm-l6", "echo"
_WORDS = (
    "river stone mill wheel bread horse winter summer lamp paper window garden",
    "captain doctor teacher island mountain village castle silver letter market",
)


@dataclass(frozen=True, slots=True)
class Work:
    """One batch. ``numbers``: vectors are asked for as numbers, else as base64.

    ``expected_s`` is what it takes undisturbed; the answers of the ids in ``sample`` are compared.
    """

    model: str
    endpoint: str
    texts: Mapping[str, str]
    expected_s: float
    sample: Sequence[str]
    numbers: bool = True

    def lines(self) -> Iterator[bytes]:
        """The input's lines."""
        for custom_id, text in self.texts.items():
            line = {
                "custom_id": custom_id,
                "method": "POST",
                "url": self.endpoint,
                "body": {"model": self.model, **self._asked(text)},
            }
            yield json.dumps(line).encode() + b"\n"

    def _asked(self, text: str) -> dict[str, Any]:
        if self.model == CHAT:
            return {"messages": [{"role": "user", "content": text}]}
        return {"input": text, "encoding_format": "float" if self.numbers else "base64"}


def texts_of(number: int, dice: random.Random) -> dict[str, str]:
    """So many short texts by their ids, all different."""
    words = " ".join(_WORDS).split()
    return {
        f"line-{place}": f"{place} {' '.join(dice.choices(words, k=dice.randint(4, 8)))}"
        for place in range(number)
    }
