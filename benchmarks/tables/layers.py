"""What each layer around the runtime costs a chat, and how threads that compute wait."""

from __future__ import annotations

from benchmarks import over_http, prompts
from benchmarks.measurement import Contender, Measurement, Metric
from benchmarks.programs import program
from benchmarks.prompts import LAYER_STREAMS
from benchmarks.stack import Setup
from benchmarks.tables.columns import MODEL_HOW, first_tokens, speeds

TWICE = "models_twice.toml"
METRICS = (*first_tokens(LAYER_STREAMS), *speeds(LAYER_STREAMS))


def layers() -> Measurement:
    """From the bare runtime to HTTP."""
    return Measurement(
        "chat",
        "Chat: the bare runtime, and each layer around it",
        MODEL_HOW + " Each row has everything that the rows above it have, and one thing more; "
        "the bare runtime, the engine and the worker are processes of their own that hold the "
        "model while the stack idles.",
        METRICS,
        (
            Contender("bare runtime, one thread", program("bare_chat", *LAYER_STREAMS)),
            Contender("+ engine", program("engine_chat", *LAYER_STREAMS)),
            Contender("+ handlers, ledger, token log", program("worker_chat", *LAYER_STREAMS)),
            Contender(
                "+ Celery and a reader (`tasks.gateway`)", program("gateway_chat", *LAYER_STREAMS)
            ),
            Contender("**HTTP streaming, the whole stack**", over_http.chat(LAYER_STREAMS)),
        ),
        usual=False,
    )


def waiting() -> Measurement:
    """How long threads spin at a barrier, alone and beside another model."""
    return Measurement(
        "openmp",
        "Chat: threads and how they wait",
        MODEL_HOW + " Over HTTP, the whole stack. The last column: two models generate at once, "
        f"one stream of {prompts.TWIN_TOKENS} tokens each; tokens/s of both together.",
        (*METRICS, Metric("twins_per_s", "two models at once, tokens/s", 1)),
        (
            Contender(
                "`GOMP_SPINCOUNT=1000`, our default",
                over_http.twins(prompts.CHAT_MODEL),
                Setup(TWICE),
            ),
            *(
                Contender(
                    f"`GOMP_SPINCOUNT={count}`",
                    over_http.twins(prompts.CHAT_MODEL),
                    Setup(TWICE, (("GOMP_SPINCOUNT", count),)),
                )
                # 300,000 is what libgomp does by itself.
                for count in ("300000", "10000")
            ),
            Contender("`threads = 1`", over_http.twins(prompts.ONE_THREAD_MODEL), Setup(TWICE)),
        ),
        usual=False,
    )
