"""The scheduler alone, beside a plain loop that does nothing but compute and draw."""

from __future__ import annotations

from benchmarks.measurement import Contender, Measurement, Target
from benchmarks.programs import program
from benchmarks.tables.columns import MODEL_HOW, speeds

STREAMS = (1, 8, 16)
LOOP, ENGINE = "bare loop over `llama_decode`", "**engine**"


def engine() -> Measurement:
    """No Celery, no Redis, no HTTP."""
    return Measurement(
        "engine",
        "The scheduler beside a bare loop",
        f"{MODEL_HOW} Each in a process of its own, while the stack idles. The loop calls "
        "llama.cpp's C functions and nothing of Millrace, hands it all prompts in one batch and "
        "then one token of each sequence, in the order of the sequences; slots, context, threads "
        "and the memory's type are those of the engine, and so is the way in which threads wait "
        "(the last row has libgomp's own).",
        tuple(speeds(STREAMS)),
        (
            Contender(LOOP, program("raw_loop", *STREAMS)),
            Contender(ENGINE, program("engine_chat", *STREAMS)),
            Contender(
                "bare loop, `GOMP_SPINCOUNT=300000`",
                program("raw_loop", *STREAMS, extra={"GOMP_SPINCOUNT": "300000"}),
            ),
        ),
        targets=(
            Target(
                "the scheduler alone, 16 sequences, to a bare loop",
                *("speed_16_per_s", ENGINE, LOOP),
                must=0.95,
                goal=1.0,
            ),
        ),
    )
