"""The raw limit of embeddings: tokenizer and runtime in batches of 32, and one text at a time."""

from __future__ import annotations

import time

from benchmarks.contenders.sample import hand_over, model
from benchmarks.prompts import EMBED_MODEL, texts
from worker.embedding import BATCH
from worker.runtimes.load import load_embed

SINGLE_TEXTS = 96


def main() -> None:
    """Measure and hand over."""
    runtime = load_embed(model(EMBED_MODEL))

    def per_s(inputs: list[str], batch: int) -> float:
        began_s = time.perf_counter()
        for start in range(0, len(inputs), batch):
            runtime.embed(runtime.tokenize(inputs[start : start + batch]))
        return len(inputs) / (time.perf_counter() - began_s)

    per_s(texts(BATCH), BATCH)
    hand_over({"many_per_s": per_s(texts(), BATCH), "single_per_s": per_s(texts(SINGLE_TEXTS), 1)})
    runtime.shutdown()


if __name__ == "__main__":
    main()
