"""What it costs that nothing is lost: the ledger and the token log, beside going without."""

from __future__ import annotations

import os

from benchmarks import over_http
from benchmarks.measurement import Contender, Measurement, Metric, Target
from benchmarks.programs import program
from benchmarks.stack import ROOT, Setup
from benchmarks.tables.columns import MODEL_HOW, OURS, speeds

UNLOGGED = "tokens only published"
STREAMS = (1, 8)


def ledger() -> Measurement:
    """The whole stack, with and without its log."""
    folders = (ROOT, ROOT / "benchmarks" / "unlogged")
    path = os.pathsep.join(map(str, folders))
    return Measurement(
        "ledger",
        "What the ledger and the token log cost",
        MODEL_HOW + " Over HTTP, the whole stack. The first row's worker publishes tokens and "
        "keeps nothing of them: no log, no sequence numbers, no fence against a second attempt; a "
        "reader that misses one has lost it. The jobs are the echo model's, as in the table of "
        "latencies, and bare Celery is as there: no ledger at all, and no API either.",
        (
            *speeds(STREAMS),
            Metric("p50_ms", "echo job, median, ms", 1),
            Metric("crowd_per_s", f"echo jobs/s, {over_http.CROWD_CLIENTS} at once"),
        ),
        (
            Contender(UNLOGGED, over_http.kept(STREAMS), Setup(extra=(("PYTHONPATH", path),))),
            Contender(OURS, over_http.kept(STREAMS)),
            Contender("bare Celery, jobs only", program("bare_celery")),
        ),
        targets=(
            Target(
                "tokens/s with ledger and log to without, 8 streams",
                "speed_8_per_s",
                OURS,
                UNLOGGED,
                must=0.95,
                goal=0.99,
            ),
        ),
    )
