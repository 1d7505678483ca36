"""Batches: their speed beside ONNX Runtime by itself, their memory, and what chats feel of them."""

from __future__ import annotations

from benchmarks import batches as runs
from benchmarks import interactive, memory, prompts, texts
from benchmarks.measurement import Contender, Measurement, Metric, Target
from benchmarks.programs import program
from benchmarks.stack import Setup

RAW, OURS = "ONNX Runtime by itself, sorted, batches of 32", "**Millrace, one batch**"
BESIDE = "Millrace, one batch, chats beside"
FIRST, SECOND, BEFORE = "peak, first half", "peak, second half", "before"
ALONE, EMBEDDING = "chats alone", "**while the embeddings are computed**"
CHATTING = f"while {texts.CHAT_LINES} chats are computed as a batch"


def batches() -> tuple[Measurement, Measurement, Measurement]:
    """All of them are measured when they are asked for: a round takes some eight minutes."""
    number = texts.wanted()
    place = Setup(
        # The catalog that everybody has at first, and room for all the texts in one batch.
        extra=(
            ("MILLRACE_MODELS_FILE", "models.toml"),
            ("MILLRACE_BATCH_MAX_LINES", str(number)),
            ("MILLRACE_BATCH_MAX_INPUTS", str(number)),
        )
    )
    alone, beside = runs.Shown(runs.embedded), runs.Shown(runs.embedded_beside_chats)
    return (
        _speed(number, place, alone, beside),
        _memory(number, place, alone),
        _patience(number, place, beside),
    )


def _speed(
    number: int, place: Setup, alone: runs.Shown[runs.Batch], beside: runs.Shown[runs.Batch]
) -> Measurement:
    return Measurement(
        "batch",
        "A batch of embeddings",
        f"{number:,} texts of 8 to 12 tokens, all different, as one batch for "
        f"`{prompts.EMBED_MODEL}`: a text a line, vectors as numbers. First column: from when the "
        "batch is seen to be in progress until it is completed, its output one file. Second: from "
        "the first byte of the upload to the last byte of the downloaded output, the check of the "
        "input included. By itself: the same texts in a process of their own, tokenised at once, "
        "sorted by length, two threads with a session of one thread each, vectors left in memory; "
        "one figure, which both columns compare with. Chats beside: one every "
        f"{interactive.EVERY_S} s, {interactive.TOKENS} tokens of `{prompts.CHAT_MODEL}` each.",
        (
            Metric("texts_per_s", "texts/s, in progress to completed"),
            Metric("whole_per_s", "texts/s, upload to output read"),
        ),
        (
            Contender(RAW, program("raw_batch", number), place),
            Contender(OURS, alone.row(OURS, runs.speed), place),
            Contender(BESIDE, beside.row(BESIDE, runs.speed), place),
        ),
        targets=(
            Target(
                "texts/s of a batch of embeddings, to ONNX Runtime by itself",
                *("texts_per_s", OURS, RAW),
                must=0.85,
                goal=1.0,
            ),
        ),
        usual=False,
    )


def _memory(number: int, place: Setup, alone: runs.Shown[runs.Batch]) -> Measurement:
    return Measurement(
        "batch-memory",
        "Memory during a batch",
        f"Resident memory in MiB of every part of the stack during the batch of {number:,} texts, "
        f"looked at every {memory.EVERY_S} s from the upload to the end of the download; the "
        "ratio is to the first half's peak. The API's two processes are counted together, and a "
        "worker's memory has the model's file in it.",
        (
            *(Metric(part, part) for part in memory.PARTS),
            Metric("growth", "times the first half's, of the part that grew most", 2),
        ),
        (
            Contender(FIRST, alone.row(FIRST, runs.held_first), place),
            Contender(SECOND, alone.row(SECOND, runs.held_second), place),
            Contender(BEFORE, alone.row(BEFORE, runs.held_at_start), place),
        ),
        targets=(
            Target(
                "peak memory in a batch's second half to its first, of the part that grew most",
                *("growth", SECOND, None),
                must=memory.FLAT,
                goal=1.05,
                at_most=True,
            ),
        ),
        usual=False,
    )


def _patience(number: int, place: Setup, beside: runs.Shown[runs.Batch]) -> Measurement:
    return Measurement(
        "batch-chats",
        "Chats while a batch runs",
        f"A chat of {interactive.TOKENS} tokens for `{prompts.CHAT_MODEL}` is due every "
        f"{interactive.EVERY_S} s, answered or not the one before, and its first token is waited "
        "for from then on; no two prompts begin alike. Alone for a minute; from the upload of the "
        f"batch of {number:,} texts until it is completed; and so with {texts.CHAT_LINES} lines "
        f"of {texts.CHAT_TOKENS} new tokens each for the chats' own model. "
        f"{interactive.PROMPT_WORDS} words a prompt.",
        (
            Metric("ttft_p50_ms", "first token, median, ms"),
            Metric("ttft_p95_ms", "first token, p95, ms"),
            Metric("lines_per_s", "the batch's lines/s"),
        ),
        (
            Contender(ALONE, runs.chats_alone, place),
            Contender(EMBEDDING, beside.row(EMBEDDING, runs.patience), place),
            Contender(
                CHATTING,
                runs.Shown(runs.chatted_beside_chats).row(CHATTING, runs.patience),
                place,
            ),
        ),
        targets=(
            Target(
                "p95 to first token of chats while a batch of embeddings runs, to alone",
                *("ttft_p95_ms", EMBEDDING, ALONE),
                must=3.0,
                goal=2.0,
                at_most=True,
            ),
        ),
        usual=False,
    )
