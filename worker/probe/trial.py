"""Everything that a worker will do with a model's files, once, on the smallest scale."""

from __future__ import annotations

import contextlib
from pathlib import Path

from msgspec.structs import replace

from tasks.jobs import Message, Sampling
from tasks.model import Model
from worker.probe.question import Question
from worker.runtimes import onnx_check
from worker.runtimes.base import ChatRuntime, Feed
from worker.runtimes.errors import InvalidPrompt, LoadFailed
from worker.runtimes.load import load_chat, load_embed

_CONTEXT = 64
_ANSWER_TOKENS = 4
_TOKENIZER_BYTES = 256 << 20

# Every byte that UTF-8 has, in every place: some tokenizers end the process at a byte for which
# a damaged vocabulary has no token.
_CHARS = (*range(0x800), *range(0x800, 0xD800, 0x333), *range(0xE000, 0x110000, 0x777))
_TEXT = "".join(map(chr, _CHARS))


def attempt(question: Question) -> list[Path]:
    """Load and compute; the further files that were read.

    Raises ``LoadFailed``, or ends the process: what a damaged file makes a loader do is not known.
    """
    if question.model.engine == "onnx":
        return _embed(question)
    _chat(question)
    return []


def _small(question: Question) -> Model:
    """The model as it is asked about, with one short slot, and its files where they lie."""
    return replace(
        question.model,
        source=f"path:{question.source}",
        tokenizer=question.tokenizer and f"path:{question.tokenizer}",
        mmproj=question.mmproj and f"path:{question.mmproj}",
        runtime=question.model.engine,
        restricted=False,
        device=question.device,
        slots=1,
        context=min(_CONTEXT, question.model.context),
        speculative=0,
    )


def _chat(question: Question) -> None:
    runtime = load_chat(_small(question))
    _tell_apart(runtime)
    _answer(runtime, question.source)
    runtime.shutdown()


def _tell_apart(runtime: ChatRuntime) -> None:
    """Text to tokens, and every token to its text.

    A tokenizer may refuse characters: that is the affair of who sends them. It may not crash.
    """
    for special in (False, True):
        with contextlib.suppress(Exception):
            runtime.tokenize(_TEXT, special=special)
    for token in range(runtime.vocabulary):
        runtime.piece(token)


def _prompt(runtime: ChatRuntime) -> list[int]:
    """A greeting through the chat template, unless that wants more than a greeting."""
    tokens: list[int] = []
    with contextlib.suppress(InvalidPrompt):
        tokens = runtime.prompt([Message("user", "Hello")])
    return (tokens or runtime.tokenize("Hello") or [0])[: runtime.context // 2]


def _answer(runtime: ChatRuntime, source: str) -> None:
    runtime.open(0, Sampling(temperature=0), seed=0)
    fed = _prompt(runtime)
    for _ in range(_ANSWER_TOKENS):
        (drawn,) = runtime.decode([Feed(0, fed, sample=True)])
        if drawn.fault:
            raise LoadFailed(f"{source}: {drawn.fault}")
        fed = [drawn.token]
    runtime.close(0)


def _embed(question: Question) -> list[Path]:
    beside = onnx_check.check(Path(question.source))
    tokenizer = Path(question.tokenizer or "")
    if (size_bytes := tokenizer.stat().st_size) > _TOKENIZER_BYTES:
        raise LoadFailed(f"{tokenizer} is no tokenizer: it has {size_bytes >> 20} MiB")
    runtime = load_embed(_small(question))
    runtime.embed(runtime.tokenize(["Hello"]))
    with contextlib.suppress(Exception):  # as for chat models; a panic is none
        runtime.embed([tokens[: runtime.context] for tokens in runtime.tokenize([_TEXT])])
    runtime.shutdown()
    return beside
