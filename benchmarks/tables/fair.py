"""An owner who asks a hundred times as often as another: what the other has to wait."""

from __future__ import annotations

from benchmarks.contenders import fair as measured
from benchmarks.measurement import Contender, Measurement, Metric, Target
from benchmarks.programs import program
from benchmarks.stack import Setup

MODELS = {
    "slow-echo": "chat, echo at 100 tokens/s, 4 slots",
    "smollm2-135m": "chat, `smollm2-135m`, 8 slots",
    "minilm-l6": f"embeddings, `minilm-l6`, {measured.TEXTS} texts each",
}
PLACE = Setup("models_fair.toml")


def fair() -> Measurement:
    """Chats and embeddings."""
    return Measurement(
        "fair",
        "Owners who want the same model",
        f"One owner enqueues {measured.PER_S:.0f} jobs a second, first alone "
        f"({measured.ALONE_S:.0f} s), then for {measured.BESIDE_S:.0f} s beside another who "
        f"enqueues {measured.PER_S * measured.TIMES:.0f}: more than the model can do, so that the "
        f"line is full and the surplus refused. Chats have {measured.TOKENS} new tokens. A wait is "
        "from a job's acceptance until a worker begins it, by the ledger; the service time is from "
        "there to its end, the mean of the one owner's jobs beside the other's. Every job of the "
        "one owner was accepted.",
        (
            Metric("alone_ms", "p95 wait alone, ms"),
            Metric("beside_ms", "p95 wait beside, ms"),
            Metric("service_alone_ms", "service time alone, ms"),
            Metric("service_ms", "service time beside, ms"),
            Metric("times", "longer by, service times", 2),
            Metric("flood_s", "mean wait of the other's, s", 1),
        ),
        tuple(Contender(title, program("fair", name), PLACE) for name, title in MODELS.items()),
        targets=tuple(
            Target(
                f"p95 wait beside an owner with {measured.TIMES} times the jobs, less that alone,"
                f" in service times: {title}",
                "times",
                title,
                None,
                must=1.5,
                goal=1.0,
                at_most=True,
            )
            for title in MODELS.values()
        ),
    )
