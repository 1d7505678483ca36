"""How much of images is read: the settings' figures, and words for them."""

from __future__ import annotations

from dataclasses import dataclass

SERVED = "PNG, JPEG, WebP or GIF"

LONGEST_RATIO = 100
"""How many times longer one side may be: what sees a picture cannot make anything of more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one image, and how many of them one request may have."""

    bytes: int = 8 * 1024 * 1024
    pixels: int = 16_000_000
    side: int = 16_384
    count: int = 8


DEFAULT_LIMITS = Limits()


def size_of(count: int) -> str:
    """``count`` bytes in words."""
    for unit, name in ((1024 * 1024, "MiB"), (1024, "KiB")):
        if count >= unit:
            return f"{count / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{count} bytes"
