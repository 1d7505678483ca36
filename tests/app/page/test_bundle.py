"""The page's files: what they may do in a browser, and how long it keeps them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.page.bundle import FOLDER, Bundle

PIECES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
SOURCES = [path for path in PIECES if path.suffix in {".html", ".js", ".css"}]
COLOUR = re.compile(r"--([a-z-]+): (#[0-9a-f]{6});")


def test_the_page_runs_its_own_scripts_alone(http: FlaskClient) -> None:
    """No inline script, no other host, no frame around it, and no text becomes markup."""
    headers = http.get("/").headers
    policy = dict(
        each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_file_needs_what_the_policy_forbids(path: Path) -> None:
    """No address of another host, no inline style or handler, nothing that parses markup."""
    text = path.read_text()
    assert not re.search(r"(?:src|href|url\(|from|import)[=( ]*[\"']?(?:https?:)?//", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert not re.search(r"<[a-z][^>]*\s(?:style|on[a-z]+)=", text)


def test_files_are_kept_for_ever_under_the_address_of_their_content(http: FlaskClient) -> None:
    """And asked for anew under any other, as a page of another release does."""
    version = Bundle.read().version
    page = http.get("/").text
    assert f'src="page/{version}/js/main.js"' in page
    assert "{version}" not in page
    now = http.get(f"/page/{version}/js/main.js").headers["Cache-Control"]
    other = http.get("/page/0123456789abcdef/js/main.js").headers["Cache-Control"]
    assert "immutable" in now
    assert other == http.get("/").headers["Cache-Control"] == "no-cache"


def test_the_version_changes_with_any_file(tmp_path: Path) -> None:
    """A letter more in one of them is another version."""
    (tmp_path / "index.html").write_text("{version}")
    (tmp_path / "a.css").write_text("p {}")
    before = Bundle.read(tmp_path)
    (tmp_path / "a.css").write_text("p { }")
    after = Bundle.read(tmp_path)
    assert before.version != after.version
    assert after.page.content == after.version.encode()


@pytest.mark.parametrize("name", ["../settings.py", "js/none.js", "index.html", "js"])
def test_there_are_no_other_files(http: FlaskClient, name: str) -> None:
    """What is not one of the page's files is a 404, wherever it leads."""
    assert http.get(f"/page/any/{name}").status_code == 404


def test_a_browser_that_can_is_sent_less(http: FlaskClient) -> None:
    """The same bytes, gzipped; a font is packed already."""
    plain = http.get("/page/any/base.css")
    packed = http.get("/page/any/base.css", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    font = http.get("/page/any/fonts/plex-sans.woff2", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in font.headers
    assert font.headers["Content-Type"] == "font/woff2"


def test_the_whole_page_is_small(http: FlaskClient) -> None:
    """Scripts, styles and page are below 40 KB on the wire, the letters below 70."""
    bundle = Bundle.read()
    pieces = [bundle.page, *bundle.pieces.values()]
    assert sum(len(each.packed) for each in pieces if each.packed) < 40_000
    assert sum(len(each.content) for each in pieces if not each.packed) < 70_000


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_read_stands_out_from_its_ground(theme: str) -> None:
    """Every colour of text has a contrast of 4.5 to each ground that it stands on, at least."""
    light, dark = (FOLDER / "base.css").read_text().split(':root[data-theme="dark"]')
    colours = dict(COLOUR.findall(light)) | (dict(COLOUR.findall(dark)) if theme == "dark" else {})
    pairs = [
        (text, ground)
        for text in ("ink", "ink-soft", "water", "brick", "gate")
        for ground in ("ground", "sheet")
    ] + [
        ("on-water", "water"),
        ("ink", "gate-pale"),
        ("ink", "brick-pale"),
        ("water", "water-pale"),
    ]
    weak = {pair: contrast(*(colours[name] for name in pair)) for pair in pairs}
    assert {pair: found for pair, found in weak.items() if found < 4.5} == {}


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as the WCAG reckon it."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: str) -> float:
    """How bright a colour is, of black's 0 and white's 1."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
