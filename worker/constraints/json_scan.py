"""Finds the end of a JSON object in text that comes in pieces."""

from __future__ import annotations


class ObjectScan:
    """Counts braces outside of strings; ``over`` once the object has ended."""

    def __init__(self) -> None:
        self.over = False
        self._depth = 0
        self._quoted = False
        self._escaped = False

    def push(self, text: str) -> int:
        """How many of the characters still belong to the object.

        A ``<`` outside of strings ends it too: JSON has none there, and markers begin with it.
        """
        for at, char in enumerate(text):
            if self._quoted:
                self._in_string(char)
            elif char == "<":
                self.over = True
                return at
            else:
                self._between_strings(char)
                if self.over:
                    return at + 1
        return len(text)

    def _in_string(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
        elif char == '"':
            self._quoted = False

    def _between_strings(self, char: str) -> None:
        if char == '"':
            self._quoted = True
        elif char in "{[":
            self._depth += 1
        elif char in "}]":
            self._depth -= 1
            self.over = self._depth == 0
