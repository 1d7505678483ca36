"""Before a worker loads a model: what was found out, when it is asked again, and what it costs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worker.probe import tiny, tiny_onnx
from tests.worker.probe.asking import TWICE, Place, chat, embed
from worker.probe import process, require_sound
from worker.probe.question import Answer, Question
from worker.runtimes.errors import LoadFailed

Asked = list[Question]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The questions that are really asked; each of them gets its true answer."""
    questions: Asked = []
    ask = process.ask

    def listening(question: Question) -> Answer:
        questions.append(question)
        return ask(question)

    monkeypatch.setattr(process, "ask", listening)
    return questions


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A sound encoder whose weights lie in a file of their own."""
    model = tmp_path / "model.onnx"
    model.write_bytes(tiny_onnx.encoder(weight=tiny_onnx.weights(tiny_onnx.outside("w.bin"))))
    (tmp_path / "tokenizer.json").write_text(tiny_onnx.TOKENIZER)
    (tmp_path / "w.bin").write_bytes(tiny_onnx.numbers())
    return model


def _later(path: Path) -> None:
    """Make the file one that was written a second later."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))


def test_what_was_found_sound_is_not_tried_again(encoder: Path, asked: Asked) -> None:
    """The second start of a worker starts no other process."""
    for _ in range(2):
        require_sound(embed(encoder), encoder, Place(encoder.parent / "data"))
    assert len(asked) == 1


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "w.bin"])
def test_any_file_that_changes_is_tried_again(name: str, encoder: Path, asked: Asked) -> None:
    """The model's file, its tokenizer and weights kept apart: each of them counts."""
    require_sound(embed(encoder), encoder, Place(encoder.parent / "data"))
    _later(encoder.with_name(name))
    require_sound(embed(encoder), encoder, Place(encoder.parent / "data"))
    assert len(asked) == 2


def test_weights_that_are_gone_are_missed(encoder: Path) -> None:
    """A file beside the model's that was there and is not any more fails the load."""
    place = Place(encoder.parent / "data")
    require_sound(embed(encoder), encoder, place)
    encoder.with_name("w.bin").unlink()
    with pytest.raises(LoadFailed, match=r"'w\.bin', which does not exist"):
        require_sound(embed(encoder), encoder, place)


def test_another_device_is_tried(encoder: Path, asked: Asked) -> None:
    """What the cpu computed proves nothing about a GPU."""
    place = Place(encoder.parent / "data")
    require_sound(embed(encoder), encoder, place)
    with pytest.raises(LoadFailed, match="'cuda:0'"):
        require_sound(embed(encoder), encoder, Place(place.data_dir, device="cuda:0"))
    assert [each.device for each in asked] == ["cpu", "cuda:0"]


def test_bad_news_is_not_kept(tmp_path: Path, asked: Asked) -> None:
    """A file that crashed its loader is named with the signal, and tried again the next time."""
    pytest.importorskip("llama_cpp")
    path = tmp_path / "model.gguf"
    path.write_bytes(TWICE)
    for _ in range(2):
        with pytest.raises(LoadFailed, match=r"model\.gguf: the loader crashed on it \(SIGABRT\)"):
            require_sound(chat(path), path, Place(tmp_path))
    path.write_bytes(tiny.build())
    require_sound(chat(path), path, Place(tmp_path))
    assert len(asked) == 3


def test_a_record_that_is_damaged_counts_for_nothing(encoder: Path, asked: Asked) -> None:
    """Half a record, or another's, is no verdict."""
    place = Place(encoder.parent / "data")
    require_sound(embed(encoder), encoder, place)
    (record,) = (place.data_dir / "run" / "probed").iterdir()
    record.write_bytes(record.read_bytes()[:-5])
    require_sound(embed(encoder), encoder, place)
    record.write_text('{"about": [], "found": []}')
    require_sound(embed(encoder), encoder, place)
    assert len(asked) == 3


def test_records_do_not_pile_up(encoder: Path) -> None:
    """However many files were tried, so many records are kept."""
    place = Place(encoder.parent / "data")
    folder = place.data_dir / "run" / "probed"
    folder.mkdir(parents=True)
    for number in range(400):
        (folder / f"old-{number}").touch()
    require_sound(embed(encoder), encoder, place)
    assert len(list(folder.iterdir())) < 300


def test_a_folder_that_cannot_be_written_costs_time_alone(encoder: Path, asked: Asked) -> None:
    """Where no record can be kept the model is tried at every start, and serves."""
    place = Place(encoder.with_name("w.bin"))  # a file, in which no folder can be made
    for _ in range(2):
        require_sound(embed(encoder), encoder, place)
    assert len(asked) == 2


def test_a_pin_that_holds_lets_the_model_load(
    encoder: Path, monkeypatch: pytest.MonkeyPatch, asked: Asked
) -> None:
    """A file of the pinned sha256 passes, and is read through once."""
    model = embed(encoder, sha256=hashlib.sha256(encoder.read_bytes()).hexdigest())
    require_sound(model, encoder, Place(encoder.parent / "data"))
    monkeypatch.setattr(hashlib, "file_digest", None)
    require_sound(model, encoder, Place(encoder.parent / "data"))
    assert len(asked) == 1


def test_another_file_than_the_pinned_one_is_refused(encoder: Path, asked: Asked) -> None:
    """A file of another sha256 is refused with both numbers, before any loader has it."""
    model = embed(encoder, sha256="0" * 64)
    found = hashlib.sha256(encoder.read_bytes()).hexdigest()
    with pytest.raises(LoadFailed, match=f"has the sha256 {found}, and m is pinned to 0000"):
        require_sound(model, encoder, Place(encoder.parent / "data"))
    assert not asked


def test_echo_has_no_files(tmp_path: Path, asked: Asked) -> None:
    """The echo runtime is not tried: there is nothing that could be damaged."""
    require_sound(chat(tmp_path, source="echo:"), tmp_path, Place(tmp_path))
    assert not asked


def test_a_file_that_is_gone_is_a_failed_load(encoder: Path) -> None:
    """A file that vanished since it was looked up is named."""
    model = embed(encoder)
    place = Place(encoder.parent / "data")
    with pytest.raises(LoadFailed, match=r"none\.onnx cannot be tried"):
        require_sound(model, encoder.with_name("none.onnx"), place)


def test_who_asks_imports_no_inference_library(encoder: Path) -> None:
    """The process that asks stays without the libraries that a file could hurt."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.worker.probe.asking import Place, embed\n"
        "from worker.probe import require_sound\n"
        f"path = Path({str(encoder)!r})\n"
        "require_sound(embed(path), path, Place(path.parent / 'data'))\n"
        "print({'llama_cpp', 'onnxruntime', 'tokenizers'} & set(sys.modules))\n"
    )
    root = Path(__file__).parents[3]
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == "set()"
