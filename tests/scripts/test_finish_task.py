"""``scripts/finish_task.sh`` writes a whole entry or none."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "finish_task.sh"
SECTIONS = (
    "[completed]\n- one\n- two\n[issues]\nnone\n[solutions]\nnone\n[well]\nall\n[improve]\nx\n"
)


def finish(history: Path, *options: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(SCRIPT), "--history", str(history), *options]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def test_entry_has_every_section(tmp_path: Path) -> None:
    """Title, date, duration and the five sections are appended below what is there."""
    history = tmp_path / "HISTORY.md"
    for title in ("First", "Second"):
        options = ("--title", title, "--duration", "2 h", "--date", "2026-01-02", "--from", "-")
        assert finish(history, *options, stdin=SECTIONS).returncode == 0
    text = history.read_text()
    assert text.startswith("# History")
    assert text.index("## First") < text.index("## Second")
    for part in ("Date: 2026-01-02", "Duration: 2 h", "### What to improve\n\nx\n", "- one\n- two"):
        assert text.count(part) == 2


def test_empty_section_is_refused(tmp_path: Path) -> None:
    """A section with nothing in it is named, and nothing is written."""
    result = finish(
        tmp_path / "HISTORY.md",
        *("--title", "T", "--duration", "1 h", "--from", "-", "--issues", "  "),
        stdin=SECTIONS,
    )
    assert result.returncode == 2
    assert "empty: issues" in result.stderr
    assert not (tmp_path / "HISTORY.md").exists()


def test_unknown_option_shows_the_usage(tmp_path: Path) -> None:
    """A mistyped option is named, with the usage below it."""
    result = finish(tmp_path / "HISTORY.md", "--titel", "T")
    assert result.returncode == 2
    assert "--titel" in result.stderr
    assert "Usage:" in result.stderr
