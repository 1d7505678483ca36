"""Pictures to show to models, as files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw

from tasks.jobs import Image, Message

TINY_MMPROJ = Path(__file__).parents[2] / "data" / "vision" / "tiny-pictures.mmproj.gguf"
"""What makes SmolLM2-135M see plain shapes (``scripts.vision``)."""


def noise(seed: int, width: int = 64, height: int = 64) -> bytes:
    """A PNG of random dots: no two are alike."""
    dots = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return saved(Picture.fromarray(dots))


def square(colour: str, width: int = 320, height: int = 240) -> bytes:
    """A PNG with a square of one colour on grey."""
    picture = Picture.new("RGB", (width, height), (128, 128, 128))
    side = min(width, height) // 3
    middle = (width // 2, height // 2)
    corners = [tuple(each + sign * side for each in middle) for sign in (-1, 1)]
    ImageDraw.Draw(picture).rectangle(corners, fill=colour)
    return saved(picture)


def saved(picture: Picture.Image, form: str = "PNG", **options: object) -> bytes:
    """The picture as a file."""
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def message(text: str, *files: bytes) -> Message:
    """A user's message with an image wherever the text has ``@``."""
    parts = text.split("@")
    places = [sum(map(len, parts[: number + 1])) for number in range(len(files))]
    shown = tuple(Image(at, data) for at, data in zip(places, files, strict=True))
    return Message("user", "".join(parts), images=shown)
