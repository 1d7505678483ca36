"""Image files of clients as pixels: how large a picture is, and what it shows.

The API has decoded every file once before it took the job (``app.images``). What is done here
needs no trust in that: each way of failing is an ``InvalidPrompt``.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from worker.runtimes.errors import InvalidPrompt

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")

MOST_SIDE = 2048
"""Pixels of the longer side; what is larger is scaled down, whatever the model does next."""

MOST_PIXELS = 128 << 20
"""Of a file: each takes up to four bytes while it is decoded."""

MOST_RATIO = 100
"""How many times longer one side may be. Beyond, some models count the positions of a picture and
then cannot cut it up."""

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = (5, 6, 7, 8)
"""Orientations whose rows are the picture's columns."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """A picture as the model gets it: ``rgb`` has three bytes per pixel, row by row."""

    width: int
    height: int
    rgb: bytes


def size(data: bytes) -> tuple[int, int]:
    """Width and height that ``pixels`` will have, from the file's header alone."""
    with _opened(data) as image:
        return _size(image)


def pixels(data: bytes) -> Pixels:
    """The picture, or an animation's first: turned upright, on white, at most ``MOST_SIDE``."""
    with _opened(data) as image:
        width, height = _size(image)
        orientation = _orientation(image)
        # A JPEG is decoded at an eighth of its size where that is enough.
        lying = orientation in _LYING
        image.draft(None, (height, width) if lying else (width, height))
        shown = _on_white(image)
        if orientation in _TURNS:
            shown = shown.transpose(_TURNS[orientation])
        if shown.size != (width, height):
            shown = shown.resize((width, height), Image.Resampling.BICUBIC)
        return Pixels(width, height, shown.tobytes())


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            yield image
    except InvalidPrompt:
        raise
    except UnidentifiedImageError as error:
        raise InvalidPrompt("An image is no PNG, JPEG, WebP or GIF.") from error
    # A decoder fails on damaged files in any way that Python knows.
    except Exception as error:
        raise InvalidPrompt(f"An image cannot be decoded: {error}") from error


def _size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise InvalidPrompt(
            f"An image has {width} x {height} pixels; {MOST_PIXELS >> 20} million are read."
        )
    if max(width, height) > MOST_RATIO * min(width, height):
        raise InvalidPrompt(
            f"An image has {width} x {height} pixels; one side may be {MOST_RATIO} times as long"
            " as the other. Cut it, or add a margin."
        )
    if _orientation(image) in _LYING:
        width, height = height, width
    scale = min(1.0, MOST_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _orientation(image: Image.Image) -> int:
    """How the picture lies in its file, as cameras note it; 1 is upright."""
    # Not `getexif`: it decodes all of a PNG to find what may stand behind the pixels.
    written = image.info.get("exif")
    if not isinstance(written, bytes):
        return 1
    exif = Image.Exif()
    try:
        exif.load(written)
        found = exif.get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - damaged notes are no reason to refuse the picture
        return 1
    return found if found in _TURNS else 1


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, which a plain conversion cuts off at 255
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("RGB")
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    layers = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
