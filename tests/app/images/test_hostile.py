"""Images as nobody should send them: each is a 400 that names the part and the remedy."""

from __future__ import annotations

import base64
import re
import struct
import time
import zlib
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.app.images import files
from tests.app.images.files import data_url, good

PNG, GIF = good("PNG"), good("GIF")
REMEDY = re.compile(r": (send|scale|save|use|leave|put|cut|it is|encode) ")
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'
ENTITIES = b'<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg>&a;</svg>'
BASE64 = base64.b64encode(PNG).decode()

URL = "invalid_image_url"
KIND = "unsupported_image"
LARGE = "image_too_large"
DAMAGED = "image_parse_error"

HOSTILE: dict[str, tuple[str, str]] = {
    # URLs
    "an empty URL": ("", URL),
    "a word": ("picture.png", URL),
    "bare base64": (BASE64, URL),
    "a file of the server": ("file:///etc/passwd", URL),
    "another scheme": ("ftp://example.com/a.png", URL),
    "a script": ("javascript:alert(1)", URL),
    "a fetch that is off": ("https://example.com/a.png", URL),
    "the cloud's metadata": ("http://169.254.169.254/latest/meta-data", URL),
    "no comma": ("data:image/png;base64" + BASE64, URL),
    "no content": ("data:image/png;base64,", URL),
    "not base64": ("data:image/png,%89PNG", URL),
    "base64 in the type only": ("data:base64," + BASE64, URL),
    "a comma too far": ("data:" + "a" * 5_000 + ";base64," + BASE64, URL),
    "percent-encoded base64": ("data:image/png;base64," + BASE64.replace("+", "%2B") + "%3D", URL),
    "the other alphabet": ("data:image/png;base64,_-_-", URL),
    "lines": ("data:image/png;base64," + BASE64[:76] + "\n" + BASE64[76:], URL),
    "a cut base64": ("data:image/png;base64," + BASE64[:81], URL),
    "padding in the middle": ("data:image/png;base64," + BASE64[:8] + "==" + BASE64[8:], URL),
    "not ASCII": ("data:image/png;base64,ÄÖÜ=", URL),
    # Other things than images
    "an SVG": (data_url(SVG, "image/svg+xml"), KIND),
    "an SVG that says PNG": (data_url(SVG), KIND),
    "an SVG of entities": (data_url(ENTITIES, "image/svg+xml"), KIND),
    "an HTML page": (data_url(b"<!doctype html><html><body>404"), KIND),
    "a PDF": (data_url(b"%PDF-1.7\n1 0 obj"), KIND),
    "a text": (data_url(b"a red circle"), KIND),
    "JSON": (data_url(b'{"error": "not found"}'), KIND),
    "a zip archive": (data_url(b"PK\x03\x04" + bytes(40)), KIND),
    "a gzip archive": (data_url(b"\x1f\x8b\x08" + bytes(40)), KIND),
    "a program": (data_url(b"\x7fELF" + bytes(60)), KIND),
    "a film": (data_url(b"\0\0\0\x18ftypmp42" + bytes(40)), KIND),
    "a HEIC": (data_url(b"\0\0\0\x18ftypheic" + bytes(40)), KIND),
    "a sound": (data_url(b"RIFF\x24\0\0\0WAVEfmt " + bytes(20)), KIND),
    "a BMP": (data_url(files.save(Image.new("RGB", (4, 4)), "BMP")), KIND),
    "a TIFF": (data_url(files.save(Image.new("RGB", (4, 4)), "TIFF")), KIND),
    "an icon": (data_url(files.save(Image.new("RGB", (16, 16)), "ICO")), KIND),
    "a PostScript file": (data_url(files.save(Image.new("RGB", (4, 4)), "EPS")), KIND),
    "zeros": (data_url(bytes(1_000)), KIND),
    "one byte": (data_url(b"\x89"), KIND),
    "an animated GIF": (data_url(files.moving("GIF")), KIND),
    "an animated PNG": (data_url(files.moving("PNG")), KIND),
    "an animated WebP": (data_url(files.moving("WEBP")), KIND),
    "a line of pixels": (data_url(files.png(3_000, 2)), KIND),
    # Too large
    "a large file": (data_url(bytes(200_001)), LARGE),
    "a bomb": (data_url(files.png(30_000, 30_000)), LARGE),
    "a bomb of 2^62 pixels": (data_url(files.png(2**31 - 1, 2**31 - 1)), LARGE),
    "a long side": (data_url(files.png(4_001, 100)), LARGE),
    "many pixels": (data_url(files.png(1_001, 1_000)), LARGE),
    "a WebP bomb": (data_url(files.webp_head(16_383, 16_383)), LARGE),
    "a GIF bomb": (data_url(GIF[:6] + struct.pack("<HH", 65_535, 65_535) + GIF[10:]), LARGE),
    # Slow to read
    "a thousand passes": (data_url(files.jpeg_with(b"\xff\xda", 1_000)), KIND),
    "a JPEG of notes": (data_url(files.jpeg_with(b"\xff\xe1\x00\x08Exif\0\0", 9_000)), KIND),
    "a JPEG of nothing": (data_url(files.jpeg_with(b"\xff", 100_000)), KIND),
    "a GIF of comments": (data_url(files.gif_with(b"!\xfe\x01a\0", 20_000)), KIND),
    "a PNG of nothing": (data_url(files.png(2, 2, before=files.chunk(b"abCd", b"") * 9_000)), KIND),
    # Cut off, or damaged
    "half a PNG": (data_url(PNG[: len(PNG) // 2]), DAMAGED),
    "half a JPEG": (data_url(good("JPEG")[: len(good("JPEG")) // 2]), DAMAGED),
    "half a WebP": (data_url(good("WEBP")[: len(good("WEBP")) // 2]), DAMAGED),
    "half a GIF": (data_url(good("GIF")[: len(good("GIF")) // 2]), DAMAGED),
    "a PNG's first bytes": (data_url(PNG[:12]), DAMAGED),
    "a JPEG's first bytes": (data_url(b"\xff\xd8\xff\xe0"), DAMAGED),
    "a WebP's first bytes": (data_url(b"RIFF\x04\0\0\0WEBP"), DAMAGED),
    "no pixels": (data_url(files.png(0, 5)), DAMAGED),
    "other bits": (data_url(PNG[:60] + bytes(60) + PNG[120:]), DAMAGED),
    "a wrong checksum": (data_url(PNG[:30] + b"\0\0\0" + PNG[33:]), DAMAGED),
    "a text that unfolds": (
        data_url(
            files.png(2, 2, before=files.chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8))))
        ),
        DAMAGED,
    ),
}


def post(http: FlaskClient, content: Any, **message: Any) -> Any:
    """A chat with the model that sees."""
    turns = [
        {"role": "system", "content": "Look."},
        {"role": "user", "content": content} | message,
    ]
    return http.post("/v1/chat/completions", json={"model": "eyes", "messages": turns})


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_a_400_that_names_the_part_and_the_reason(http: FlaskClient, name: str) -> None:
    """Within a second, and without quoting the URL."""
    url, code = HOSTILE[name]
    began = time.monotonic()
    content = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": url}}]
    response = post(http, content)
    assert response.status_code == 400
    error = response.json["error"]
    assert (error["param"], error["code"]) == ("messages[1].content[1].image_url.url", code)
    assert error["message"].startswith("'messages[1].content[1].image_url.url': ")
    assert REMEDY.search(error["message"])
    assert len(error["message"]) < 300
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("content", "message", "param", "code"),
    [
        ([{"type": "image_url"}], {}, "content[0].image_url", "missing_required_parameter"),
        (
            [{"type": "image_url", "image_url": {}}],
            {},
            "content[0].image_url.url",
            "missing_required_parameter",
        ),
        (
            [{"type": "image_url", "image_url": {"url": 5}}],
            {},
            "content[0].image_url.url",
            "invalid_type",
        ),
        ([{"type": "image_url", "image_url": [1]}], {}, "content[0].image_url", "invalid_type"),
        ([{"type": "input_image", "image_url": "data:,"}], {}, "content[0].type", "invalid_value"),
        ("?", {"image_urls": data_url(PNG)}, "image_urls", "invalid_type"),
        ("?", {"image_urls": {}}, "image_urls", "invalid_type"),
        ("?", {"image_urls": [data_url(PNG), None]}, "image_urls[1]", "invalid_type"),
        ("?", {"image_urls": [data_url(PNG), data_url(SVG)]}, "image_urls[1]", KIND),
        ([], {"image_urls": []}, "content", "invalid_value"),
        ("?", {"role": "assistant", "image_urls": [data_url(PNG)]}, "image_urls", "invalid_value"),
        (
            [{"type": "image_url", "image_url": data_url(PNG)}],
            {"role": "system"},
            "content[0]",
            "invalid_value",
        ),
        (
            [{"type": "image_url", "image_url": data_url(PNG)}],
            {"role": "tool", "tool_call_id": "c"},
            "content[0]",
            "invalid_value",
        ),
    ],
)
def test_a_wrong_shape_is_named_by_its_place(
    http: FlaskClient, content: Any, message: dict[str, Any], param: str, code: str
) -> None:
    """The part, its field, or the entry of the shorthand."""
    error = post(http, content, **message).json["error"]
    assert (error["param"], error["code"]) == (f"messages[1].{param}", code)


def test_images_are_counted_over_all_messages(http: FlaskClient) -> None:
    """The first beyond the limit is named."""
    part = {"type": "image_url", "image_url": {"url": data_url(PNG)}}
    turns = [
        {"role": "user", "content": [part, part]},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": [part], "image_urls": [data_url(PNG)]},
    ]
    body = {"model": "eyes", "messages": turns}
    response: Any = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 400
    error = response.json["error"]
    assert (error["param"], error["code"]) == ("messages[2].image_urls[0]", "too_many_images")


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (
            {"content": [{"type": "image_url", "image_url": {"url": "https://a.test/"}}]},
            "content[0]",
        ),
        ({"content": "?", "image_urls": [data_url(PNG)]}, "image_urls"),
    ],
)
def test_a_model_that_is_blind_refuses_the_part(
    http: FlaskClient, message: dict[str, Any], param: str
) -> None:
    """Before anything is fetched or decoded."""
    body = {"model": "blind", "messages": [{"role": "user"} | message]}
    response: Any = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 400
    error = response.json["error"]
    assert (error["param"], error["code"]) == (f"messages[0].{param}", "unsupported_value")
    assert "'blind' has no vision" in error["message"]


def test_nothing_is_decoded_when_something_else_is_wrong(http: FlaskClient) -> None:
    """The conversation's own faults come first, and cost nothing."""
    turns = [
        {"role": "user", "content": "?", "image_urls": [data_url(SVG)]},
        {"role": "nobody", "content": "?"},
    ]
    response: Any = http.post("/v1/chat/completions", json={"model": "eyes", "messages": turns})
    assert response.json["error"]["param"] == "messages[1].role"
