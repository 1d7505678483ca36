"""Pictures to learn from, drawn a batch at a time: thousands in a second, none of them kept.

They share nothing with the pictures of the tests but the palette: those are drawn by Pillow, in
other sizes, from other seeds. All of it is drawn from one generator, so a seed gives one course.
"""

from __future__ import annotations

import math

import torch

from scripts.vision.palette import COLOURS, GREYS, SHAPES
from scripts.vision.tower import SIDE

JITTER = 24.0
PAD = (122.0, 116.0, 104.0)
"""What llama.cpp fills up with where a picture is not square."""


def batch(count: int, chance: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """``count`` pictures (values 0 to 255, channels first), their colours and their shapes."""
    colour = torch.randint(len(COLOURS), (count,), generator=chance)
    shape = torch.randint(len(SHAPES), (count,), generator=chance)
    wall = (shape == SHAPES.index("wall"))[:, None, None, None]
    covered = torch.where(wall, torch.ones(()), _covered(shape, chance))
    paint = _shaded(_colours(colour, chance), chance)
    ground = _shaded(_grounds(count, chance), chance)
    picture = covered * paint + (1 - covered) * ground
    picture = picture + _uniform((count, 1, 1, 1), 0, 8, chance) * _normal(picture.shape, chance)
    return _letterboxed(picture.clamp(0, 255), chance).round(), colour, shape


def _uniform(
    size: tuple[int, ...], low: float, high: float, chance: torch.Generator
) -> torch.Tensor:
    return low + (high - low) * torch.rand(size, generator=chance)


def _normal(size: tuple[int, ...], chance: torch.Generator) -> torch.Tensor:
    return torch.randn(size, generator=chance)


def _colours(colour: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    middle = torch.tensor(list(COLOURS.values()), dtype=torch.float32)[colour]
    return (middle + _uniform((len(colour), 3), -JITTER, JITTER, chance)).clamp(0, 255)


def _grounds(count: int, chance: torch.Generator) -> torch.Tensor:
    grey = _uniform((count, 1), *GREYS, chance)
    return grey + _uniform((count, 3), -10, 10, chance)


def _shaded(paint: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    """The paint with light falling on it from some side, a little."""
    x, y = _axes()
    turn = _uniform((len(paint), 1, 1), 0, 2 * math.pi, chance)
    light = _uniform((len(paint), 1, 1), 0, 14, chance) * (turn.cos() * x + turn.sin() * y)
    return paint[:, :, None, None] + light[:, None]


def _axes() -> tuple[torch.Tensor, torch.Tensor]:
    """The middle of every pixel, from -1 to 1."""
    line = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    return line[None, None, :], line[None, :, None]


def _covered(shape: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    """How much of each pixel lies inside the shape, by its distance from the edge."""
    count = len(shape)
    radius = _uniform((count, 1, 1), 0.3, 0.8, chance)
    room = 1.02 - radius
    x, y = _axes()
    x = x - room * _uniform((count, 1, 1), -1, 1, chance)
    y = y - room * _uniform((count, 1, 1), -1, 1, chance)
    turn = _uniform((count, 1, 1), -0.1, 0.1, chance)
    across, down = x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos()
    edges = torch.stack(
        [
            (x * x + y * y).sqrt() - radius,
            torch.maximum(across.abs(), down.abs()) - radius * 0.88,
            _triangle(across, down, radius),
            torch.zeros(count, SIDE, SIDE),
        ],
        dim=1,
    )
    edge = edges[torch.arange(count), shape]
    return (0.5 - edge * SIDE / 2).clamp(0, 1)[:, None]


def _triangle(across: torch.Tensor, down: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """Distance from an upright triangle inside the circle of that radius."""
    slope = math.sqrt(3) / 2 * across.abs() - 0.5 * down
    return torch.maximum(slope, down) - radius / 2


def _letterboxed(picture: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    """Some pictures with bars on two sides, as one that is not square arrives."""
    x, y = _axes()
    count = len(picture)
    kept = _uniform((count, 1, 1), 0.6, 1.6, chance).clamp(max=1.0)
    upright = torch.rand((count, 1, 1), generator=chance) < 0.5
    bars = torch.where(upright, x.abs() > kept, y.abs() > kept)
    return torch.where(bars[:, None], torch.tensor(PAD)[None, :, None, None], picture)
