"""The documentation keeps up with the code: every setting is described, every link works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from app.settings import ApiSettings
from console.batches.settings import ServerSettings
from runner.settings import RunnerSettings
from tasks.settings import QueueSettings
from worker.node.settings import NodeSettings
from worker.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = (
    QueueSettings,
    ApiSettings,
    WorkerSettings,
    NodeSettings,
    RunnerSettings,
    ServerSettings,
)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])

_ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
_LINE = re.compile(r"^#(\w+)=(.*)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
_HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def variables() -> dict[str, str]:
    """Every variable that a process reads, and its default as text; empty where there is none."""
    found: dict[str, str] = {}
    for settings in SETTINGS:
        for name, field in settings.model_fields.items():
            found[variable(name, field)] = shown(field.default)
    return found


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable of a field: its alias, or its name behind the prefix."""
    alias = field.validation_alias
    return alias if isinstance(alias, str) else f"MILLRACE_{name.upper()}"


def shown(default: object) -> str:
    """A default as it is written in a file."""
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None else str(default)


@pytest.mark.parametrize(("name", "default"), variables().items())
def test_every_variable_is_described_with_its_default(name: str, default: str) -> None:
    """docs/settings.md has a row of each: variable, default, meaning."""
    rows = {row[0]: row[1:] for row in _ROW.findall((ROOT / "docs" / "settings.md").read_text())}
    assert name in rows
    listed, meaning = rows[name]
    assert listed == (f"`{default}`" if default else "none")
    assert meaning


@pytest.mark.parametrize("file", ["docs/settings.md", ".env.example"])
def test_no_variable_is_described_that_nobody_reads(file: str) -> None:
    """A setting that was removed or renamed leaves no description behind."""
    pattern = _LINE if file == ".env.example" else _ROW
    listed = {found[0] for found in pattern.findall((ROOT / file).read_text())}
    assert listed - variables().keys() == set()


def test_the_example_file_has_every_variable_with_its_default() -> None:
    """.env.example names all of them, commented out."""
    assert dict(_LINE.findall((ROOT / ".env.example").read_text())) == variables()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading in it where one is named."""
    for path, anchor in _LINK.findall(_CODE.sub("", page.read_text())):
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), f"{path} is outside the repository"
        assert target.exists(), f"{path} does not exist"
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor} is no heading"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, made as GitHub makes them."""
    headings = _HEADING.findall(_CODE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
