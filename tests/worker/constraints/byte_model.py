"""A vocabulary that every test can think through: all bytes, a few longer pieces, two ends."""

from __future__ import annotations

PIECES = (
    '": "',
    '"}',
    "}}",
    '", "',
    "tool",
    "<tool",
    "_call>",
    "\n{",
    "true",
    " name",
    "abc",
    "  ",
)
CONTROL, END, TURN_END = 256, 257, 258
FIRST_PIECE = 259


class ByteModel:
    """What ``Rules`` needs of a runtime; ``<|end|>`` and ``<|turn|>`` end an answer."""

    def __init__(self, template: str = "", *, control: str = "<|control|>") -> None:
        self.template = template
        self._control = control

    @property
    def vocabulary(self) -> int:
        """Token ids run from 0 to one less than this."""
        return FIRST_PIECE + len(PIECES)

    def piece(self, token: int) -> bytes:
        """The token's bytes; empty for control tokens."""
        if token < CONTROL:
            return bytes([token])
        return PIECES[token - FIRST_PIECE].encode() if token >= FIRST_PIECE else b""

    def ends(self, token: int) -> bool:
        """Whether the model ends its answer with this token."""
        return token in (END, TURN_END)

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """One token per byte, but for the control token."""
        if special and self._control in text:
            before, after = text.split(self._control, 1)
            return [*self.tokenize(before), CONTROL, *self.tokenize(after, special=True)]
        return list(text.encode())
