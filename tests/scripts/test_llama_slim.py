"""The build hook edits ggml's source where it is as expected, and leaves it alone elsewhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.llama_build import ATTENTION, SLIM

HEAD = "static void ggml_compute_forward_flash_attn_ext_f16_one_chunk("
LOOP = "        for (int64_t ic = ic_start; ic < ic_end; ++ic) {\n"
BRANCH = "            if (v->type == GGML_TYPE_F16) {\n            }\n"
# With what CMake's lists would trip over.
SOURCE = f'#include "x.h"\nint a[2];\n{HEAD}\n) {{\n{BRANCH}{LOOP}{BRANCH}}}\n{BRANCH}"\\\\;["}}\n'


@pytest.fixture
def ops(tmp_path: Path) -> Path:
    file = tmp_path / "ggml" / "src" / "ggml-cpu" / "ops.cpp"
    file.parent.mkdir(parents=True)
    file.write_text(SOURCE)
    return file


def hook(tree: Path) -> str:
    """What CMake says when it includes the hook for this tree."""
    script = tree / "hook.cmake"
    script.write_text(f'set(CMAKE_CURRENT_SOURCE_DIR "{tree}")\ninclude("{SLIM}")\n')
    command = ["cmake", "-P", str(script)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


def test_expected_source_is_edited(tmp_path: Path, ops: Path) -> None:
    """The header comes before the function and lies beside it; all three places give way."""
    assert "attention is sped up" in hook(tmp_path)
    edited = ops.read_text()
    assert f'#include "llama_attention.h"\n\n{HEAD}' in edited
    assert f"MILLRACE_ATTEND_OR_ELSE\n{LOOP}" in edited
    assert edited.count("GGML_TYPE_F16 && !MILLRACE_ATTENTION)") == 3
    assert (ops.parent / ATTENTION.name).read_text() == ATTENTION.read_text()


def test_the_rest_of_the_source_is_kept(tmp_path: Path, ops: Path) -> None:
    """Undoing the edits gives the source back, semicolons, brackets and backslashes included."""
    hook(tmp_path)
    text = ops.read_text().replace('#include "llama_attention.h"\n\n', "")
    text = text.replace("        MILLRACE_ATTEND_OR_ELSE\n", "")
    assert text.replace(" && !MILLRACE_ATTENTION", "") == SOURCE


def test_a_second_run_changes_nothing(tmp_path: Path, ops: Path) -> None:
    """CMake may configure the same tree again."""
    hook(tmp_path)
    once = ops.read_text()
    assert "another ggml" not in hook(tmp_path)
    assert ops.read_text() == once


@pytest.mark.parametrize(
    "other", [SOURCE + BRANCH, SOURCE.replace("++ic", "ic++"), SOURCE.replace("_one_chunk", ""), ""]
)
def test_unexpected_source_is_left_alone(tmp_path: Path, ops: Path, other: str) -> None:
    """One text too many, or one missing: a warning, and the build goes on with ggml's own."""
    ops.write_text(other)
    assert "another ggml than expected" in hook(tmp_path)
    assert ops.read_text() == other


def test_a_missing_source_is_no_error(tmp_path: Path) -> None:
    """A ggml that keeps its files elsewhere is built as it is."""
    assert "another ggml than expected" in hook(tmp_path)
