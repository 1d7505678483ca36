"""What the llama runtime alone does with pictures: which files it takes, and what it computes."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from tasks.jobs import Message
from tests.worker.runtimes.conversation import GREEDY
from tests.worker.runtimes.drawings import message, noise
from tests.worker.runtimes.vision_files import mrope_model, projector
from worker.engine.runs import first_run
from worker.runtimes.base import ChatRuntime, Feed
from worker.runtimes.errors import DecodeFailed, LoadFailed

llama_cpp = pytest.importorskip("llama_cpp")

from tests.worker.runtimes import mtmd_reference  # noqa: E402
from worker.runtimes.llama import LlamaRuntime  # noqa: E402
from worker.runtimes.llama.projector import Encoded  # noqa: E402
from worker.runtimes.llama.sight import Embeddings, Shown, Sight  # noqa: E402
from worker.runtimes.llama.template import ChatTemplate  # noqa: E402

WIDTH = 576
"""Of SmolLM2's embeddings."""

FILES = (noise(3, 70, 40), noise(4, 50, 90))


@pytest.fixture(scope="module")
def mmproj(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaVA projector for SmolLM2."""
    return projector(tmp_path_factory.mktemp("mlp") / "mmproj.gguf", "mlp", embedding=WIDTH)


@pytest.fixture(scope="module")
def seeing(smollm2_path: Path, mmproj: Path) -> Iterator[LlamaRuntime]:
    """SmolLM2 with it."""
    runtime = LlamaRuntime(smollm2_path, slots=2, context=256, mmproj=mmproj)
    yield runtime
    runtime.shutdown()


@pytest.fixture
def sight(seeing: LlamaRuntime) -> Sight:
    """What makes its prompts, with nothing remembered."""
    assert seeing._eyes is not None
    seeing._eyes.sight._embeddings = Embeddings()
    return seeing._eyes.sight


def feed(runtime: ChatRuntime, said: Message, slot: int = 0) -> dict[int, float]:
    """Feed a prompt with its pictures; the 20 likeliest next tokens and how likely they are."""
    tokens = runtime.prompt([said])
    runtime.keep(slot, 0)
    runtime.open(slot, GREEDY, seed=1, top_logprobs=20, pictures=runtime.pictures([said]))
    try:
        while tokens:
            run = first_run(tokens, 512)
            drawn = runtime.decode([Feed(slot, tokens[:run], sample=run == len(tokens))])
            tokens = tokens[run:]
        return dict(drawn[0].top)
    finally:
        runtime.close(slot)


@pytest.mark.parametrize("kind", ["mlp", "tiles", "gemma3", "qwen2vl_merger"])
def test_pictures_mean_what_llama_cpp_makes_of_them(
    kind: str, smollm2_path: Path, tmp_path: Path
) -> None:
    """As many tokens, and the same next ones as likely, as by llama.cpp's own helper."""
    model, width = smollm2_path, WIDTH
    if kind == "qwen2vl_merger":
        model, width = mrope_model(tmp_path / "model.gguf", model, vocabulary=49152), 64
    file = projector(tmp_path / "mmproj.gguf", kind, embedding=width)
    runtime = LlamaRuntime(model, slots=2, context=512, mmproj=file)
    said = message("before @ after@ twice", *FILES)
    try:
        count = len(runtime.prompt([said]))
        ours = feed(runtime, said, slot=1)
        source = runtime.template
    finally:
        runtime.shutdown()
    marked = Message("user", "before @ after@ twice".replace("@", mtmd_reference.MARKER))
    text = ChatTemplate(source, bos="", eos="").render([marked])
    expected, theirs = mtmd_reference.logprobs(model, file, text, FILES)
    assert count == expected
    assert len(ours) == 20
    for token, logprob in ours.items():
        assert logprob == pytest.approx(theirs[token], abs=0.05)


def test_a_client_cannot_write_a_picture(seeing: LlamaRuntime) -> None:
    """The marker of llama.cpp's own tools is text like any other."""
    tokens = seeing.prompt([Message("user", "see <__media__> this")])
    assert min(tokens) >= 0
    assert b"<__media__>" in b"".join(map(seeing.piece, tokens))


def test_a_picture_is_encoded_once(sight: Sight, seeing: LlamaRuntime) -> None:
    """For the next request its file is not even decoded, in whatever slot."""
    real = sight._projector.encode
    encode = Mock(side_effect=real)
    sight._projector.encode = encode  # type: ignore[method-assign]
    try:
        feed(seeing, message("one @", FILES[0]), slot=0)
        feed(seeing, message("another @", FILES[0]), slot=1)
    finally:
        sight._projector.encode = real  # type: ignore[method-assign]
    assert encode.call_count == 1
    (known,) = sight.pictures([message("@", FILES[0])])
    assert isinstance(known, Shown)
    assert known.cut is None


def test_what_was_forgotten_meanwhile_is_encoded_again(sight: Sight, seeing: LlamaRuntime) -> None:
    """A picture that was known when its job began, and is not any more when it is fed."""
    said = message("one @", FILES[0])
    expected = feed(seeing, said)
    pictures = seeing.pictures([said])
    sight._embeddings = Embeddings()
    seeing.pictures = lambda messages: pictures  # type: ignore[method-assign]
    try:
        assert feed(seeing, said) == expected
    finally:
        del seeing.pictures


def test_pixels_are_freed_when_they_are_encoded(sight: Sight, seeing: LlamaRuntime) -> None:
    """What was cut for encoding goes with the last piece, before the request does."""
    said = message("one @", FILES[1])
    pictures = seeing.pictures([said])
    assert isinstance(pictures[0], Shown)
    assert pictures[0].cut is not None
    cut = weakref.ref(pictures[0].cut)
    seeing.pictures = lambda messages: pictures  # type: ignore[method-assign]
    try:
        feed(seeing, said)
    finally:
        del seeing.pictures
    gc.collect()
    assert cut() is None


def test_embeddings_are_kept_up_to_a_limit() -> None:
    """The one unused the longest goes first; one that is larger than all room is not kept."""
    row = np.zeros((1, 256), dtype=np.float32)  # a kilobyte
    kept = Embeddings(most_bytes=2048)
    for key in (1, 2):
        kept.add(key, Encoded(row, 1))
    kept.find(1)
    kept.add(3, Encoded(row, 1))
    assert [key for key in (1, 2, 3) if kept.find(key)] == [1, 3]
    assert kept.hold([1, 3])
    assert not kept.hold([1, 2])
    kept.add(4, Encoded(np.zeros((3, 256), dtype=np.float32), 3))
    assert kept.find(4) is None


def test_a_picture_that_cannot_be_encoded_names_its_slot(
    sight: Sight, seeing: LlamaRuntime
) -> None:
    """The error says whose memory is lost; a text beside it was not touched."""

    def fail(chunk: object) -> Encoded:
        raise DecodeFailed("no")

    said = message("@", FILES[0])
    tokens = [token for token in seeing.prompt([said]) if token < 0]
    seeing.keep(0, 0)
    seeing.keep(1, 0)
    seeing.open(0, GREEDY, seed=1)
    seeing.open(1, GREEDY, seed=1, pictures=seeing.pictures([said]))
    real, sight._projector.encode = sight._projector.encode, fail  # type: ignore[method-assign]
    try:
        with pytest.raises(DecodeFailed) as caught:
            seeing.decode([Feed(0, [5, 6], sample=True), Feed(1, tokens, sample=False)])
    finally:
        sight._projector.encode = real  # type: ignore[method-assign]
        seeing.close(0)
        seeing.close(1)
    assert set(caught.value.slots) == {1}
    assert seeing.keep(0, 100) == 0


def test_numbers_that_are_none_are_refused(smollm2_path: Path, tmp_path: Path) -> None:
    """A projector that computes NaN is refused before it answers anybody."""
    file = projector(tmp_path / "mmproj.gguf", "mlp", embedding=WIDTH)
    data = bytearray(file.read_bytes())
    data[-4:] = np.float32(np.nan).tobytes()
    file.write_bytes(data)
    with pytest.raises(LoadFailed, match="no numbers"):
        LlamaRuntime(smollm2_path, slots=1, context=128, mmproj=file)


def test_prompts_are_made_while_pictures_are_encoded(seeing: LlamaRuntime, sight: Sight) -> None:
    """Four threads cut pictures up while this one encodes: all find what they find alone."""
    said = [message("@", noise(seed)) for seed in range(6)]
    expected = [feed(seeing, each) for each in said]
    prompts = [seeing.prompt([each]) for each in said]
    sight._embeddings = Embeddings()
    faults: list[object] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            for each, ids in zip(said, prompts, strict=True):
                if seeing.prompt([each]) != ids or len(seeing.pictures([each])) != 1:
                    faults.append(each)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    found = [feed(seeing, each) for each in said]
    done.set()
    for thread in threads:
        thread.join()
    assert not faults
    assert found == expected


@pytest.mark.parametrize(
    ("kind", "width", "reason"),
    [
        ("mlp", 64, "mismatch between text model"),
        ("idefics3", WIDTH, "lacks its words"),
    ],
)
def test_an_mmproj_of_another_model_is_refused(
    kind: str, width: int, reason: str, smollm2_path: Path, tmp_path: Path
) -> None:
    """Embeddings of another size, or words that the vocabulary does not have."""
    file = projector(tmp_path / "mmproj.gguf", kind, embedding=width)
    with pytest.raises(LoadFailed, match=reason):
        LlamaRuntime(smollm2_path, slots=1, context=128, mmproj=file)


def test_what_is_no_mmproj_is_refused(smollm2_path: Path, tmp_path: Path, mmproj: Path) -> None:
    """A damaged file, a language model, and a projector of a kind that is not served."""
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(mmproj.read_bytes()[:5000])
    other = projector(tmp_path / "other.gguf", "hunyuanvl", embedding=WIDTH)
    for file, reason in ((damaged, "sound"), (smollm2_path, "mmproj"), (other, "hunyuanvl")):
        with pytest.raises(LoadFailed, match=f"{file.name}.*{reason}"):
            LlamaRuntime(smollm2_path, slots=1, context=128, mmproj=file)
