"""What a file is, by its first bytes: one of the four formats that are served, or what else."""

from __future__ import annotations

import re

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"BM", "a BMP image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"8BPS", "a Photoshop file"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"ID3", "a sound"),
    (b"OggS", "a sound or a film"),
    (b"\x1aE\xdf\xa3", "a film"),
)
_BRANDS = {
    b"avif": "an AVIF image",
    b"avis": "an AVIF image",
    b"heic": "a HEIC image",
    b"heix": "a HEIC image",
    b"mif1": "a HEIF image",
    b"msf1": "a HEIF image",
}
_TAG = re.compile(rb"<(svg|!doctype html|html|\?xml)\b", re.IGNORECASE)
_MARKUP_REACH = 1024


def served_format(data: bytes) -> str | None:
    """Which of ``FORMATS`` the file begins as."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    return "WEBP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def other_kind(data: bytes) -> str:
    """What a file that is not served seems to be, in words."""
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "a film")
    for magic, name in _OTHERS:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF":
        return "a sound or a film"
    return _markup(data[:_MARKUP_REACH])


def _markup(start: bytes) -> str:
    found = {tag.lower() for tag in _TAG.findall(start)}
    if b"svg" in found:
        return "an SVG drawing"
    if b"html" in found or b"!doctype html" in found:
        return "an HTML page"
    if start.lstrip()[:1] in (b"{", b"["):
        return "JSON"
    if start.isascii() and not any(byte < 9 for byte in start):
        return "text"
    return "no image"
