"""``data:`` URLs to the bytes in them: base64 as RFC 4648 has it, and nothing that is nearly that.

What a lenient decoder skips (a line break, a cut end, another alphabet) is a client's bug that
would come out as a picture half decoded. The one liberty is the media type: clients declare JPEGs
as PNGs every day, and the file itself says what it is.
"""

from __future__ import annotations

import binascii

from app.images.limits import size_of
from app.images.refusal import ImageRefused

PREFIX = "data:"
_LONGEST_TYPE = 256
_FORM = "send it as data:image/png;base64, and the file in base64"


def is_data_url(url: str) -> bool:
    """Whether ``url`` carries its content."""
    return url[: len(PREFIX)].lower() == PREFIX


def decode(url: str, most_bytes: int) -> bytes:
    """The content of the data URL ``url``; ``ImageRefused`` when it is none, or too large."""
    comma = url.find(",", 0, len(PREFIX) + _LONGEST_TYPE)
    if comma < 0:
        raise _refused(f"the data URL has no comma before its content: {_FORM}")
    if not _says_base64(url[len(PREFIX) : comma]):
        raise _refused(f"the data URL does not say base64: {_FORM}")
    length = len(url) - comma - 1
    if length == 0:
        raise _refused("the data URL is empty: put the file in base64 behind the comma")
    # Before any of it is decoded: four characters are three bytes.
    if length // 4 * 3 > most_bytes + 2:
        raise too_large(length // 4 * 3, most_bytes)
    content = _decoded(url[comma + 1 :])
    if len(content) > most_bytes:
        raise too_large(len(content), most_bytes)
    return content


def too_large(size: int, most_bytes: int) -> ImageRefused:
    """Why a file of ``size`` bytes is not read."""
    return ImageRefused(
        "image_too_large",
        f"the file has {size_of(size)}; at most {size_of(most_bytes)} are read: scale it down",
    )


def _says_base64(head: str) -> bool:
    return head.rpartition(";")[2].strip().lower() == "base64" and ";" in head


def _decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # binascii.Error among them, and characters outside ASCII
        raise _refused(f"the content of the data URL is no base64: {_remedy(text)}") from None


def _remedy(text: str) -> str:
    if "%" in text:
        return "leave its characters as they are, not percent-encoded"
    if "-" in text or "_" in text:
        return "use the standard alphabet, with + and /"
    if any(character.isspace() for character in text):
        return "send it in one line, without spaces"
    if text.isascii() and len(text) % 4:
        return "it is cut off, or its padding (=) is missing"
    return "encode the file again"


def _refused(reason: str) -> ImageRefused:
    return ImageRefused("invalid_image_url", reason)
