"""The one check of an image file: what it is, how large it says it is, and whether it is whole.

The order is the protection. A file of a few bytes may unfold to gigabytes, so that sizes are taken
from the header and judged before anything is decoded. Then it is decoded once, to be thrown away:
a file that is cut off looks whole in its header, and would fail a job that was accepted.
"""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError

from app.images.data_url import too_large
from app.images.formats import FORMATS, other_kind, served_format
from app.images.limits import LONGEST_RATIO, SERVED, Limits
from app.images.pieces import MOST_SCANS, too_many_pieces, too_many_scans
from app.images.refusal import ImageRefused

# Pillow's own limit warns in one place and raises in another. Ours stands right behind the header.
Image.MAX_IMAGE_PIXELS = None

_MAY_MOVE = ("PNG", "WEBP", "GIF")
# Of a photograph's JPEG, where phones keep more than one picture, the first is what it shows.


def check(data: bytes, limits: Limits) -> None:
    """Raise ``ImageRefused`` unless ``data`` is one whole still image within ``limits``."""
    form = _form(data)
    if len(data) > limits.bytes:
        raise too_large(len(data), limits.bytes)
    if form == "WEBP" and (size := _webp_size(data)):
        # Its decoder makes room for the whole picture when the file is opened.
        _check_size(size, limits)
    _check_structure(data, form)
    try:
        _decode_once(data, form, limits)
    except ImageRefused:
        raise
    except UnidentifiedImageError:
        raise _damaged(form) from None
    # A decoder fails on damaged files in any way that Python knows.
    except Exception:  # noqa: BLE001
        raise _damaged(form) from None


def _form(data: bytes) -> str:
    form = served_format(data)
    if form is None:
        kind = other_kind(data) if data else "empty"
        raise ImageRefused("unsupported_image", f"the file is {kind}: send a {SERVED} image")
    return form


def _check_structure(data: bytes, form: str) -> None:
    if too_many_scans(data, form):
        raise ImageRefused(
            "unsupported_image",
            f"the JPEG has more than {MOST_SCANS} passes: save it as a baseline JPEG",
        )
    if too_many_pieces(data, form):
        raise ImageRefused(
            "unsupported_image", f"the {_named(form)} is made of too many pieces: save it again"
        )


def _decode_once(data: bytes, form: str, limits: Limits) -> None:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_size(image.size, limits)
        if form in _MAY_MOVE and getattr(image, "is_animated", False):
            raise ImageRefused(
                "unsupported_image", f"the {_named(form)} is animated: send a still image"
            )
        # A JPEG is decoded at an eighth of its size: all of the file is read all the same.
        image.draft(None, (1, 1))
        image.load()


def _check_size(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    stated = f"the image has {width} x {height} pixels"
    if width < 1 or height < 1:
        raise ImageRefused("image_parse_error", f"{stated}: send one that shows something")
    if max(width, height) > limits.side:
        raise ImageRefused(
            "image_too_large",
            f"{stated}; a side may have at most {limits.side}: scale it down",
        )
    if width * height > limits.pixels:
        raise ImageRefused(
            "image_too_large",
            f"{stated}; at most {limits.pixels} are read: scale it down",
        )
    if max(width, height) > LONGEST_RATIO * min(width, height):
        raise ImageRefused(
            "unsupported_image",
            f"{stated}; one side may be at most {LONGEST_RATIO} times as long as the other: cut "
            "it, or add a margin",
        )


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height by the first chunk of a WebP file; None where the decoder says no anyway."""
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if chunk == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if chunk == b"VP8L":
        packed = int.from_bytes(body[1:5], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = (int.from_bytes(body[at : at + 2], "little") for at in (6, 8))
        return width & 0x3FFF, height & 0x3FFF
    return None


def _damaged(form: str) -> ImageRefused:
    return ImageRefused(
        "image_parse_error",
        f"the {_named(form)} cannot be decoded, for it is cut off or damaged: save it again",
    )


def _named(form: str) -> str:
    return "WebP" if form == "WEBP" else form
