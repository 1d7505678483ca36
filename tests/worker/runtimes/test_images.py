"""Image files as pixels: turned upright, on white, not too large, and what is none refused."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from tests.worker.runtimes.drawings import saved
from worker.runtimes import images
from worker.runtimes.errors import InvalidPrompt

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def halves(width: int = 60, height: int = 40) -> Picture.Image:
    """Red on the left, blue on the right."""
    picture = Picture.new("RGB", (width, height), RED)
    picture.paste(BLUE, (width // 2, 0, width, height))
    return picture


def corners(data: bytes) -> list[tuple[int, ...]]:
    """The first and the last pixel."""
    rgb = images.pixels(data).rgb
    return [tuple(rgb[:3]), tuple(rgb[-3:])]


@pytest.mark.parametrize("form", images.FORMATS)
def test_every_format_is_read(form: str) -> None:
    """Its size is told by the header, and its pixels are where they were."""
    options = {"lossless": True} if form == "WEBP" else {}
    data = saved(halves(), form, **options)
    assert images.size(data) == (60, 40)
    assert len(images.pixels(data).rgb) == 3 * 60 * 40
    for found, wanted in zip(corners(data), (RED, BLUE), strict=True):
        assert all(abs(a - b) < 8 for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright(form: str, orientation: int) -> None:
    """As the camera's note says; Pillow's own turning is what it is compared with."""
    noted = Picture.Exif()
    noted[0x0112] = orientation
    data = saved(halves(), form, exif=noted, quality=95)
    from PIL import ImageOps

    with Picture.open(io.BytesIO(data)) as file:
        expected = ImageOps.exif_transpose(file).convert("RGB")
    found = images.pixels(data)
    assert (found.width, found.height) == expected.size == images.size(data)
    assert found.rgb == expected.tobytes()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_is_white(mode: str) -> None:
    """And what is half transparent is half white."""
    clear, half = Picture.new(mode, (4, 4), 0), Picture.new("RGBA", (4, 4), (255, 0, 0, 128))
    assert corners(saved(clear)) == [WHITE, WHITE]
    assert corners(saved(half))[0] == (255, 127, 127)


def test_a_transparent_colour_of_a_palette_is_white() -> None:
    """GIF and PNG may name one."""
    picture = Picture.new("P", (4, 4), 3)
    picture.info["transparency"] = 3
    assert corners(saved(picture, "GIF", transparency=3)) == [WHITE, WHITE]


def test_deep_greys_keep_their_brightness() -> None:
    """16 bits are brought to 8, and not cut off."""
    assert corners(saved(Picture.new("I;16", (4, 4), 0x8000)))[0] == (128, 128, 128)


@pytest.mark.parametrize(("given_size", "shown"), [((4096, 2048), (2048, 1024)), ((9, 9), (9, 9))])
def test_large_pictures_are_scaled_down(
    given_size: tuple[int, int], shown: tuple[int, int]
) -> None:
    """To the longest side that is looked at; small ones stay as they are."""
    for form in ("PNG", "JPEG"):
        data = saved(halves(*given_size), form)
        found = images.pixels(data)
        assert (found.width, found.height) == images.size(data) == shown


def test_a_lying_picture_is_scaled_to_the_same_size() -> None:
    """The header's promise holds where a picture is both turned and made smaller."""
    noted = Picture.Exif()
    noted[0x0112] = 6
    data = saved(halves(4000, 1000), "JPEG", exif=noted)
    found = images.pixels(data)
    assert (found.width, found.height) == images.size(data) == (512, 2048)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no PNG"),
        (saved(halves(), "BMP"), "no PNG"),
        (saved(halves())[:-60], "decoded"),
        (saved(halves(), "JPEG")[:200], "decoded"),
        (saved(halves(202, 2)), "100 times"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, reason: str) -> None:
    """With the reason, fit for the client."""
    with pytest.raises(InvalidPrompt, match=reason):
        images.pixels(data)


@given(st.data())
def test_a_damaged_picture_is_decoded_or_refused(data: st.DataObject) -> None:
    """Whatever bytes are changed, nothing but ``InvalidPrompt`` comes of it, and no other size."""
    form = data.draw(st.sampled_from(images.FORMATS))
    file = bytearray(saved(halves(), form))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        size = images.size(bytes(file))
        found = images.pixels(bytes(file))
    except InvalidPrompt:
        return
    assert (found.width, found.height) == size
    assert len(found.rgb) == 3 * found.width * found.height
