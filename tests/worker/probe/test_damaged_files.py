"""Five hundred damaged model files: each is refused, or loads and answers, here in this process.

``-s`` shows what became of them.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from tasks.jobs import Sampling
from tasks.model import Model
from tests.worker.probe.damage import (
    Damage,
    Victim,
    cuts,
    flips,
    header,
    onnx_regions,
    smollm2_regions,
)
from tests.worker.runtimes.default_models import MINILM, MINILM_TOKENIZER, SMOLLM2
from worker.probe import process
from worker.probe.question import Question
from worker.runtimes import gguf, onnx_check
from worker.runtimes.base import Feed
from worker.runtimes.errors import LoadFailed
from worker.runtimes.load import load_chat, load_embed
from worker.runtimes.sources import files_of, resolve

SEED = 5
LONGEST_S = 75.0
MMPROJ = Path(__file__).parents[2] / "data" / "vision" / "tiny-pictures.mmproj.gguf"


_GGUF = {
    "numbers": 90,
    "letters": 20,
    "vocabulary": 20,
    "template": 20,
    "shapes": 50,
    "weights": 15,
}
"""How many copies of SmolLM2 have bits flipped, and where."""


@dataclass(frozen=True)
class Case:
    """A damage of one file of a model, and the group that it is counted in."""

    group: str
    part: str
    damage: Damage


def _cases() -> Iterator[Case]:
    chance = random.Random(SEED)
    smollm2, minilm, words = map(resolve, (SMOLLM2, MINILM, MINILM_TOKENIZER))
    regions = smollm2_regions(smollm2)
    for name, count in _GGUF.items():
        for damage in flips(chance, [regions[name]], count, most=3):
            yield Case(f"gguf {name}", "gguf", damage)
    for damage in cuts(chance, smollm2.stat().st_size, 65):
        yield Case("gguf cut", "gguf", damage)
    for damage in flips(chance, onnx_regions(minilm), 100, most=3):
        yield Case("onnx structure", "onnx", damage)
    for damage in flips(chance, [(0, minilm.stat().st_size)], 15, most=30):
        yield Case("onnx weights", "onnx", damage)
    for damage in cuts(chance, minilm.stat().st_size, 30):
        yield Case("onnx cut", "onnx", damage)
    for damage in flips(chance, [(0, words.stat().st_size), (0, 4096)], 20, most=3):
        yield Case("tokenizer", "words", damage)
    for damage in cuts(chance, words.stat().st_size, 10):
        yield Case("tokenizer cut", "words", damage)
    for damage in flips(chance, [header(MMPROJ)], 35, most=3):
        yield Case("mmproj header", "mmproj", damage)
    for damage in cuts(chance, MMPROJ.stat().st_size, 10):
        yield Case("mmproj cut", "mmproj", damage)


class Patients:
    """The files of the default models, each of which can be damaged."""

    def __init__(self, folder: Path) -> None:
        whole = {"gguf": resolve(SMOLLM2), "onnx": resolve(MINILM), "mmproj": MMPROJ}
        whole["words"] = resolve(MINILM_TOKENIZER)
        self.victims = {part: Victim(path, folder / part) for part, path in whole.items()}
        self._sources = {part: f"path:{path}" for part, path in whole.items()}

    def model(self, part: str) -> Model:
        """The model whose ``part`` is the damaged file."""
        of = self._sources | {part: f"path:{self.victims[part].path}"}
        if part in ("onnx", "words"):
            encoder = Model(name="m", kind="embed", runtime="onnx", source=of["onnx"], context=512)
            return replace(encoder, tokenizer=of["words"])
        if part == "mmproj":
            return Model(name="m", kind="multimodal", source=of["gguf"], mmproj=of["mmproj"])
        return Model(name="m", kind="chat", runtime="llama", source=of["gguf"])


def _outcome(model: Model, part: str) -> str:
    """What a worker would make of it; loaded here only when it was found sound."""
    try:
        if part == "onnx":
            onnx_check.check(resolve(model.source))
        elif part != "words":
            gguf.check(resolve(model.mmproj or model.source))
    except LoadFailed:
        return "check"
    files = files_of(model, (), fetch=False)
    paths = [str(path) if path else None for path in (files.source, files.tokenizer, files.mmproj)]
    question = Question(model, str(paths[0]), paths[1], paths[2], "cpu", asker=os.getpid())
    answer = process.ask(question)
    if answer.outcome == "crashed":
        return answer.reason.replace("the loader crashed on it", "crashed")[:60]
    return _served(model) if answer.outcome == "sound" else answer.outcome


def _served(model: Model) -> str:
    """Load it as a worker does, and have an answer; damage may show at the full context alone."""
    try:
        _serve(model)
    except LoadFailed:
        return "refused late"
    return "sound"


def _serve(model: Model) -> None:
    if model.kind == "embed":
        encoder = load_embed(model)
        assert encoder.embed(encoder.tokenize(["How do I reset my password?"])).shape == (1, 384)
        encoder.shutdown()
        return
    runtime = load_chat(model)
    runtime.open(0, Sampling(temperature=0), seed=0)
    fed = runtime.tokenize("The capital of France is")
    for _ in range(8):
        (drawn,) = runtime.decode([Feed(0, fed, sample=True)])
        fed = [drawn.token]
    runtime.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_damaged_file_ends_more_than_its_trial(tmp_path: Path) -> None:
    """Of 500 files with flipped bits or without an end none crashes or hangs whoever loads it."""
    pytest.importorskip("llama_cpp")
    patients, table = Patients(tmp_path), Counter[tuple[str, str]]()
    longest_s = 0.0
    cases = list(_cases())
    for case in cases:
        began = time.monotonic()
        with patients.victims[case.part].suffering(case.damage):
            outcome = _outcome(patients.model(case.part), case.part)
        table[case.group, outcome] += 1
        if outcome.startswith("crashed"):
            print(f"{case.group}: bits {case.damage.bits}")
        longest_s = max(longest_s, time.monotonic() - began)
    for (group, outcome), count in sorted(table.items()):
        print(f"{group:16} {outcome:60} {count:4}")
    assert len(cases) == 500
    assert longest_s < LONGEST_S
    assert sum(table.values()) == 500
