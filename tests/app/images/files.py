"""Image files for tests: good ones of every format, and the parts that bad ones are made of."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

from PIL import Image

PNG_HEAD = 33
"""The length of a PNG's signature and header."""


def save(image: Image.Image, form: str, **options: Any) -> bytes:
    """The image as a file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def good(form: str, size: tuple[int, int] = (64, 48)) -> bytes:
    """A picture with something to see: noise, which no format makes small."""
    return save(Image.effect_noise(size, 80).convert("RGB"), form)


def moving(form: str) -> bytes:
    """Three frames."""
    first, *others = [Image.new("RGB", (8, 8), (60 * index, 0, 0)) for index in range(3)]
    return save(first, form, save_all=True, append_images=others)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG's chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, rows: bytes = b"", before: bytes = b"") -> bytes:
    """A PNG in 24 bits whose header says that size, whatever is in it."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + head + before + pixels + chunk(b"IEND", b"")


def webp_head(width: int, height: int) -> bytes:
    """The start of a WebP file whose canvas has that size."""
    body = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    inside = b"WEBPVP8X" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def jpeg_with(segment: bytes, count: int) -> bytes:
    """A JPEG with ``count`` such segments before everything else."""
    data = good("JPEG", (8, 8))
    return data[:2] + segment * count + data[2:]


def gif_with(block: bytes, count: int) -> bytes:
    """A GIF with ``count`` such blocks before its picture."""
    data = save(Image.new("P", (8, 8)), "GIF")
    at = data.index(b",")
    return data[:at] + block * count + data[at:]


def data_url(data: bytes, kind: str = "image/png") -> str:
    """The file as clients send it."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
