"""The examples in the documentation do what they say: each is run as it stands there.

What the models answer is their own affair: an example must end without an error, and say something.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "docs" / "examples.md")
ADDRESS = "127.0.0.1:8000"

_HEADING = re.compile(r"^#+ +(.+)$")
_FENCE = re.compile(r"^```(\w*)$")


@dataclass(frozen=True)
class Example:
    """A block of code, and where it stands."""

    page: str
    heading: str
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}: {self.heading} ({self.language})"


def examples_of(page: Path) -> Iterator[Example]:
    """Every block of the page that is a program."""
    heading = ""
    language: str | None = None
    lines: list[str] = []
    for line in page.read_text().splitlines():
        if language is None and (found := _HEADING.match(line)):
            heading = found[1]
        if fence := _FENCE.match(line):
            if language is not None and language in ("sh", "python", "js"):
                yield Example(page.name, heading, language, "\n".join(lines))
            language, lines = (fence[1] if language is None else None), []
        elif language is not None:
            lines.append(line)


EXAMPLES = [
    example
    for page in PAGES
    for example in examples_of(page)
    # The README's own first commands are what runs these tests.
    if page.name != "README.md" or ADDRESS in example.code
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of its own, with OpenAI's client for Node and a curl that fails on an error."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_text((ROOT / "examples" / "clients" / name).read_text())
    subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True, timeout=100)
    (folder / ".curlrc").write_text("fail-with-body\n")
    return folder


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_runs_as_it_stands(stack: Stack, folder: Path, example: Example) -> None:
    """It ends without an error, and prints something."""
    code = example.code.replace(ADDRESS, f"127.0.0.1:{stack.port}")
    commands = {
        "sh": ["bash", "-euo", "pipefail", "-c", code],
        "python": [sys.executable, "-c", code],
        "js": ["node", "--input-type=module", "-e", code],
    }
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": f"{stack.url}/v1",
        "OPENAI_API_KEY": "none",
        "MILLRACE_URL": stack.url,
        "CURL_HOME": str(folder),
    }
    done = subprocess.run(
        commands[example.language],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
    assert '"error":{"message"' not in done.stdout


def test_every_endpoint_that_clients_use_has_an_example() -> None:
    """What a client of OpenAI's asks for is shown on the page."""
    code = "\n".join(example.code for example in EXAMPLES)
    paths = (
        "chat/completions",
        "responses",
        "completions",
        "embeddings",
        "files",
        "batches",
        "jobs",
        "models",
    )
    assert [path for path in paths if f"/v1/{path}" not in code] == []
