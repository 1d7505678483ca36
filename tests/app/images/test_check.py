"""Which image files are read."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc

import pytest
from PIL import Image

from app.images.check import check
from app.images.formats import FORMATS, other_kind, served_format
from app.images.limits import Limits, size_of
from app.images.pieces import MOST_NOTES, too_many_pieces
from app.images.refusal import ImageRefused
from tests.app.images import files
from tests.app.images.files import good

LIMITS = Limits()


def is_read(data: bytes) -> bool:
    """Whether the file is taken for one whole picture."""
    try:
        check(data, LIMITS)
    except ImageRefused:
        return False
    return True


@pytest.mark.parametrize("form", FORMATS)
def test_a_whole_still_image_is_read(form: str) -> None:
    """Each of the four formats."""
    check(good(form), LIMITS)
    assert served_format(good(form)) == form


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("PNG", "1"),
        ("PNG", "L"),
        ("PNG", "LA"),
        ("PNG", "P"),
        ("PNG", "RGBA"),
        ("PNG", "I;16"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("GIF", "L"),
        ("WEBP", "RGBA"),
    ],
)
def test_every_way_to_write_colours_is_read(form: str, mode: str) -> None:
    """What the pixels mean is the model's business."""
    assert is_read(files.save(Image.new(mode, (5, 7)), form))


def test_a_phones_jpeg_with_a_second_picture_in_it_is_read() -> None:
    """It shows its first one: a gain map behind it is no animation."""
    assert is_read(files.moving("MPO"))


def test_a_jpeg_in_passes_is_read() -> None:
    """As most of the web's are."""
    image = Image.effect_noise((300, 200), 80).convert("RGB")
    assert is_read(files.save(image, "JPEG", progressive=True))


def test_the_limits_are_reached_but_not_passed() -> None:
    """A file of just so many bytes and pixels is read, and one more is not."""
    data = good("PNG", (64, 48))
    exact = Limits(bytes=len(data), pixels=64 * 48, side=64)
    check(data, exact)
    for less in (
        Limits(bytes=len(data) - 1),
        Limits(pixels=64 * 48 - 1),
        Limits(side=63),
    ):
        with pytest.raises(ImageRefused) as refused:
            check(data, less)
        assert refused.value.code == "image_too_large"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_no_cut_is_a_whole_image(form: str) -> None:
    """Wherever the file ends, but for the last 22 bytes of a PNG: they follow the pixels."""
    data = good(form)
    for length in range(0, len(data) - 30, len(data) // 40):
        with pytest.raises(ImageRefused):
            check(data[:length], LIMITS)


def test_a_bomb_costs_neither_time_nor_memory() -> None:
    """2.7 GB of pixels in 3 MB of file are judged by the header."""
    data = files.png(30_000, 30_000, bytes(200_000_000))
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(ImageRefused, match="30000 x 30000"):
        check(data, LIMITS)
    assert time.monotonic() - began < 0.5
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("JPEG", files.jpeg_with(b"\xff\xe1\x00\x08Exif\0\0", MOST_NOTES + 1)),
        ("JPEG", files.jpeg_with(b"\0", MOST_NOTES + 1)),
        ("GIF", files.gif_with(b"!\xfe\x01a\0", MOST_NOTES + 1)),
        ("GIF", files.gif_with(b"!\xfe" + b"\x01a" * 9_000 + b"\0", 1)),
        ("PNG", files.png(2, 2, before=files.chunk(b"abCd", b"") * 9_000)),
    ],
)
def test_a_file_of_crumbs_is_told_by_its_structure(form: str, data: bytes) -> None:
    """Empty pieces, and notes by the hundred."""
    assert too_many_pieces(data, form)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF"])
def test_what_an_encoder_writes_has_few_pieces(form: str) -> None:
    """A picture of megabytes, and one with a colour profile in 255 segments."""
    assert not too_many_pieces(good(form, (1_500, 1_000)), form)
    profile = b"\xff\xe2\x01\x02ICC_PROFILE\0\1\1" + bytes(242)
    assert not too_many_pieces(files.jpeg_with(profile, 255), "JPEG")


def test_the_slowest_file_that_is_read_takes_under_two_seconds() -> None:
    """8 MiB of a JPEG's notes, as many as are let through: all of them are copied each time."""
    note = b"\xff\xe1\x3f\xf0Exif\0\0" + bytes(0x3FF0 - 8)
    data = files.jpeg_with(note, MOST_NOTES - 20)
    began = time.monotonic()
    check(data, LIMITS)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<svg width='1'>", "an SVG drawing"),
        (b"\xef\xbb\xbf \n<!-- a --><SVG>", "an SVG drawing"),
        (b"<!DOCTYPE HTML><p>", "an HTML page"),
        (b"\0\0\0\x1cftypavif", "an AVIF image"),
        (b"[1, 2]", "JSON"),
        (b"hello", "text"),
        (b"\x01\x02\x03\x04", "no image"),
    ],
)
def test_what_is_no_image_is_called_by_its_name(data: bytes, kind: str) -> None:
    """So that its sender knows what was sent."""
    assert other_kind(data) == kind


def test_sizes_are_told_in_words() -> None:
    """Whole numbers without a fraction."""
    assert [size_of(n) for n in (5, 2_048, 1_500_000)] == ["5 bytes", "2 KiB", "1.4 MiB"]


def test_under_gevent_an_image_is_decoded_beside_the_greenlets() -> None:
    """While it is, others run: the one that counts here does."""
    image = files.data_url(good("PNG", (1_200, 1_200)))
    code = (
        "import gevent.monkey; gevent.monkey.patch_all()\n"
        "import gevent, sys, threading\n"
        "from app.images import reading\n"
        "check, where = reading.check, []\n"
        "def seen(*given):\n"
        "    where.append(gevent.hub.get_hub().main_hub)\n"
        "    check(*given)\n"
        "reading.check = seen\n"
        "ticks = 0\n"
        "def tick():\n"
        "    global ticks\n"
        "    while True:\n"
        "        ticks += 1\n"
        "        gevent.sleep(0.001)\n"
        "gevent.spawn(tick)\n"
        "data = reading.Images().read(sys.stdin.read())\n"
        "assert len(data) > 1_000_000, len(data)\n"
        "assert ticks >= 3, ticks\n"
        "assert where == [False], where\n"
    )
    run_python(code, image)


def run_python(code: str, given: str) -> None:
    """Run ``code`` in a process of its own: patching cannot be undone."""
    done = subprocess.run(
        [sys.executable, "-c", code], input=given, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
