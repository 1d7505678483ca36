"""Who watches: told by the key in the first message, for a browser's socket sends no headers."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from tasks.api_keys import ApiKey

# A key is far shorter.
HELLO_LIMIT_BYTES = 1024


class Hello(msgspec.Struct, frozen=True):
    """The first message; ``key`` is empty where none is needed, or none is at hand."""

    key: str = ""


@dataclass(frozen=True, slots=True)
class Visitor:
    """What a watcher may see: the models of its key, or all; nodes and slots with the admin key."""

    key: ApiKey | None = None
    admin: bool = False

    def sees(self, model: str) -> bool:
        """Whether the model of this name is for this visitor."""
        return self.admin or self.key is None or self.key.allows(model)


def hello_of(message: bytes | None) -> Hello | None:
    """The first message as it was meant; None for anything else."""
    try:
        return msgspec.json.decode(message or b"", type=Hello)
    except msgspec.DecodeError:
        return None


def authorization_of(hello: Hello) -> str:
    """The header that other requests would bring the key in."""
    return f"Bearer {hello.key}" if hello.key else ""
