"""Damaged copies of real model files: bits flipped in place and flipped back, or an end cut off.

One copy serves any number of damages; 500 copies of 100 MB would be the test's whole time.
"""

from __future__ import annotations

import contextlib
import mmap
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.runtimes.gguf_walk import Walk
from worker.runtimes.protobuf_walk import Walk as Fields


@dataclass(frozen=True, slots=True)
class Damage:
    """Bits to flip, counted from the file's beginning, or the length that is left of it."""

    bits: tuple[int, ...] = ()
    length: int | None = None


Region = tuple[int, int]
"""From which byte to before which."""


class Victim:
    """A copy of ``original`` that is damaged and healed again."""

    def __init__(self, original: Path, path: Path) -> None:
        self.path = path
        self._original = original
        self._whole = Path(shutil.copyfile(original, path.with_name(f"whole-{path.name}")))

    @contextlib.contextmanager
    def suffering(self, damage: Damage) -> Iterator[Path]:
        """The path of the damaged file, for as long as the context lasts."""
        self.path.unlink(missing_ok=True)
        if damage.length is not None:
            with self._original.open("rb") as whole:
                self.path.write_bytes(whole.read(damage.length))
            yield self.path
            return
        self.path.hardlink_to(self._whole)
        self._flip(damage.bits)
        try:
            yield self.path
        finally:
            self._flip(damage.bits)

    def _flip(self, bits: Sequence[int]) -> None:
        with self._whole.open("r+b") as file:
            for bit in bits:
                file.seek(bit // 8)
                (byte,) = file.read(1)
                file.seek(bit // 8)
                file.write(bytes([byte ^ 1 << bit % 8]))


def flips(chance: random.Random, regions: Sequence[Region], count: int, most: int) -> list[Damage]:
    """``count`` damages of 1 to ``most`` bits each, every one inside one of the regions."""
    made = []
    for _ in range(count):
        start, end = chance.choice(regions)
        bits = (chance.randrange(8 * start, 8 * end) for _ in range(chance.randint(1, most)))
        made.append(Damage(bits=tuple(dict.fromkeys(bits))))
    return made


def cuts(chance: random.Random, size: int, count: int) -> list[Damage]:
    """``count`` lengths at all scales: as many below a kilobyte as between 1 and 30 MB."""
    return [Damage(length=int(size ** chance.random())) for _ in range(count)]


def header(path: Path) -> Region:
    """Where a GGUF file has anything but the numbers of its weights."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        names = Walk(data).contents().shapes
        return 0, max(data.find(name.encode()) for name in names) + 64


def smollm2_regions(path: Path) -> dict[str, Region]:
    """Where SmolLM2's file has its numbers, its vocabulary, its template, shapes and weights."""
    with path.open("rb") as file:
        head = file.read(4 << 20)
    tokens = head.index(b"tokenizer.ggml.tokens")
    merges = head.index(b"tokenizer.ggml.bos_token_id") - 8
    shapes = head.index(b"token_embd.weight") - 8
    _, weights = header(path)
    return {
        "numbers": (0, tokens),
        "letters": (tokens, tokens + 4096),
        "vocabulary": (tokens, merges),
        "template": (merges, shapes),
        "shapes": (shapes, weights),
        "weights": (weights, path.stat().st_size),
    }


def onnx_regions(path: Path) -> list[Region]:
    """Where MiniLM's file has anything but the numbers of its weights."""
    data = path.read_bytes()
    walk = Fields(data, steps=1 << 20)
    weights = [
        (part.start, part.end)
        for graph in walk.fields(0, len(data))
        if graph.number == 7
        for tensor in walk.fields(graph.start, graph.end)
        if tensor.number == 5
        for part in walk.fields(tensor.start, tensor.end)
        if part.number == 9 and part.end - part.start > 64
    ]
    ends = [0, *(end for _, end in weights)]
    starts = [*(start for start, _ in weights), len(data)]
    return [(end, start) for end, start in zip(ends, starts, strict=True) if start > end]
