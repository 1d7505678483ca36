"""How an image is refused: one exception, with the code that the client gets."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    "invalid_image_url",
    "image_fetch_failed",
    "image_too_large",
    "unsupported_image",
    "image_parse_error",
]


class ImageRefused(ValueError):
    """Raised when an image does not become part of a job; ``reason`` goes on after a colon."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
