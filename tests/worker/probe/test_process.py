"""The process that may die: however it ends, whoever asked it gets an answer and lives."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.worker.probe import tiny, tiny_onnx
from tests.worker.probe.asking import ENDLESS, TWICE, question
from worker.probe.process import ask

WAIT_S = 30.0


def _file(folder: Path, body: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(body)
    return path


def test_a_sound_chat_model_is_sound(tmp_path: Path) -> None:
    """A model that loads and computes is found sound."""
    pytest.importorskip("llama_cpp")
    assert ask(question(_file(tmp_path, tiny.build()))).outcome == "sound"


def test_a_sound_encoder_is_sound(tmp_path: Path) -> None:
    """An encoder is tried with its tokenizer, and its further files are told."""
    model, words, weights = (tmp_path / name for name in ("m.onnx", "tokenizer.json", "w.bin"))
    model.write_bytes(tiny_onnx.encoder(weight=tiny_onnx.weights(tiny_onnx.outside("w.bin"))))
    words.write_text(tiny_onnx.TOKENIZER)
    weights.write_bytes(tiny_onnx.numbers())
    answer = ask(question(model, tokenizer=words))
    assert (answer.outcome, answer.beside) == ("sound", (str(weights),))


def test_what_a_loader_says_is_the_reason(tmp_path: Path) -> None:
    """A loader that refuses a file with a message is heard."""
    pytest.importorskip("llama_cpp")
    shapes = {name: shape for name, shape in tiny.SHAPES.items() if "ffn_up" not in name}
    answer = ask(question(_file(tmp_path, tiny.build(shapes=shapes))))
    assert answer.outcome == "refused"
    assert "ffn_up.weight' not found" in answer.reason


def test_an_abort_is_an_answer(tmp_path: Path) -> None:
    """An assertion inside ggml ends that process, and its line is the reason."""
    pytest.importorskip("llama_cpp")
    answer = ask(question(_file(tmp_path, TWICE)))
    assert answer.outcome == "crashed"
    assert "SIGABRT" in answer.reason
    assert "GGML_ASSERT" in answer.reason
    assert "/llama-vocab.cpp" not in answer.reason  # nor the folder that it was built in


def test_a_loader_without_end_is_ended(tmp_path: Path) -> None:
    """A file that keeps the loader busy for ever is given up when the patience is over."""
    pytest.importorskip("llama_cpp")
    began = time.monotonic()
    answer = ask(question(_file(tmp_path, ENDLESS)), patience_s=3)
    assert answer.outcome == "hung"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
        ("print('x' * 10_000_000)", "ended with code 0"),
        ('print(\'{"outcome": "splendid"}\')', "ended with code 0"),
        ("import sys; sys.stderr.write('y' * 10_000_000); sys.exit('it \\x1b[1mhurts')", "it ?[1m"),
        ("", "ended with code 0"),
    ],
)
def test_nonsense_is_a_crash(code: str, reason: str, tmp_path: Path) -> None:
    """A process that dies, or says anything but an answer, has crashed; what it says is bounded."""
    path = _file(tmp_path, b"GGUF")
    answer = ask(question(path), patience_s=WAIT_S, command=[sys.executable, "-c", code])
    assert answer.outcome == "crashed"
    assert reason in answer.reason
    assert len(answer.reason) < 500


def test_it_dies_with_its_asker(tmp_path: Path) -> None:
    """A worker that is killed leaves no process behind that still computes."""
    pytest.importorskip("llama_cpp")
    path = _file(tmp_path, ENDLESS)
    code = (
        "from pathlib import Path\n"
        "from tests.worker.probe.asking import question\n"
        "from worker.probe.process import ask\n"
        f"ask(question(Path({str(path)!r})))\n"
    )
    root = Path(__file__).parents[3]
    asker = subprocess.Popen([sys.executable, "-c", code], cwd=root)
    child = _only_child(asker.pid)
    while b"llama" not in Path(f"/proc/{child}/maps").read_bytes():
        time.sleep(0.05)  # only then is it past its first lines
    asker.send_signal(signal.SIGKILL)
    asker.wait()
    until = time.monotonic() + WAIT_S
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def _only_child(pid: int) -> int:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        if found := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            return int(found[0])
        time.sleep(0.02)
    raise AssertionError("no process was started")
