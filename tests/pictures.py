"""Pictures for tests: one shape of one colour on grey, in any size, the same for the same seed.

They are held out from the tiny vision model's lessons: drawn by another hand (Pillow, with no
light and no turning), in other sizes, from other seeds. ``whole_set`` is a fair sample.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageDraw

from scripts.vision.palette import COLOURS, GREYS, SHAPES

JITTER = 18
FINENESS = 4
"""Drawn that many times larger and made small again, for smooth edges."""

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Picture:
    """A picture's file, and what can be seen in it."""

    colour: str
    shape: str
    data: bytes


def picture(
    colour: str,
    shape: str = "circle",
    seed: int = 0,
    size: tuple[int, int] | None = None,
    form: str = "PNG",
) -> bytes:
    """The file of a picture of ``shape`` in ``colour``; without a size, the seed chooses one."""
    chance = random.Random(f"{colour} {shape} {seed}")
    width, height = size or _size(chance)
    paint = _near(COLOURS[colour], JITTER, chance)
    grey = chance.randint(*GREYS)
    ground = paint if shape == "wall" else _near((grey, grey, grey), 8, chance)
    drawn = Image.new("RGB", (width * FINENESS, height * FINENESS), ground)
    _draw(drawn, shape, paint, chance)
    file = io.BytesIO()
    drawn.resize((width, height), Image.Resampling.BOX).save(file, form)
    return file.getvalue()


def whole_set(count: int, seed: int = 1) -> Iterator[Picture]:
    """``count`` pictures: all colours equally often, each with every shape in turn."""
    colours, shapes = list(COLOURS), list(SHAPES)
    for number in range(count):
        colour = colours[number % len(colours)]
        shape = shapes[(number + number // len(colours)) % len(shapes)]
        yield Picture(colour, shape, picture(colour, shape, seed * 1000 + number))


def _size(chance: random.Random) -> tuple[int, int]:
    width = chance.randint(40, 320)
    return width, round(width * chance.uniform(0.75, 1.33))


def _near(middle: Rgb, jitter: int, chance: random.Random) -> Rgb:
    red, green, blue = (min(255, max(0, x + chance.randint(-jitter, jitter))) for x in middle)
    return red, green, blue


def _draw(onto: Image.Image, shape: str, paint: Rgb, chance: random.Random) -> None:
    """The shape, anywhere it fits, from a quarter to three quarters of the shorter side high."""
    short = min(onto.size)
    radius = short * chance.uniform(0.14, 0.38)
    x = chance.uniform(radius, onto.width - radius)
    y = chance.uniform(radius, onto.height - radius)
    pen = ImageDraw.Draw(onto)
    if shape == "circle":
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), paint)
    elif shape == "square":
        pen.rectangle((x - radius, y - radius, x + radius, y + radius), paint)
    elif shape == "triangle":
        corners = [(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)]
        pen.polygon(corners, paint)
