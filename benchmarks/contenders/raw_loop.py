"""The raw limit of a chat: a plain loop over ``llama_decode``, with nothing of Millrace in it.

Only what it is compared with decides its settings: the file, slots, context and threads of the
stack's model, separate streams of cells, the same chain of samplers, and the same waiting of
threads. All prompts go in with one batch and every step has one token of each sequence, in
ascending order, which is the layout that llama.cpp does not split. One thread does everything.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.contenders.sample import chat_sample, hand_over, in_bursts, model
from benchmarks.figures import Answered
from benchmarks.prompts import SAMPLING
from tasks.jobs import ChatJob
from tasks.model import Model
from worker.runtimes.llama import openmp
from worker.runtimes.sources import resolve

# The long wait, which is the fastest for who is alone, as this process is.
openmp.settle(os.environ, switchable=True)

# Only now, because libgomp reads the environment when it is loaded.
import llama_cpp  # noqa: E402

BATCH_TOKENS, MICRO_BATCH_TOKENS = 2048, 512
# Types of the memory, as ggml.h numbers them.
KINDS = {"f16": 1, "bf16": 30}
# As the model's own template writes it.
MARKUP = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)


class Loop:
    """The model, and one batch that every step fills anew."""

    def __init__(self, model: Model, kind: int) -> None:
        llama_cpp.llama_backend_init()
        path = os.fsencode(resolve(model.source))
        self.model = llama_cpp.llama_model_load_from_file(
            path, llama_cpp.llama_model_default_params()
        )
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.context = llama_cpp.llama_init_from_model(self.model, _parameters(model, kind))
        if not self.context:
            raise RuntimeError("no context")
        self.batch = llama_cpp.llama_batch_init(BATCH_TOKENS, 0, 1)

    def tokens(self, text: str) -> list[int]:
        """Token ids of a user's text, with the template around it."""
        data = MARKUP.format(text).encode()
        room = (llama_cpp.llama_token * (len(data) + 8))()
        count = llama_cpp.llama_tokenize(
            self.vocabulary, data, len(data), room, len(room), False, True
        )
        return room[:count]

    def step(self, fed: Sequence[tuple[Sequence[int], int]]) -> list[int]:
        """Compute tokens from a position on, per sequence; the places of their last logits."""
        batch, place, last = self.batch, 0, []
        for sequence, (tokens, position) in enumerate(fed):
            for offset, token in enumerate(tokens):
                batch.token[place] = token
                batch.pos[place] = position + offset
                batch.n_seq_id[place] = 1
                batch.seq_id[place][0] = sequence
                batch.logits[place] = offset == len(tokens) - 1
                place += 1
            last.append(place - 1)
        batch.n_tokens = place
        if code := llama_cpp.llama_decode(self.context, batch):
            raise RuntimeError(f"llama_decode failed with code {code}")
        return last

    def burst(self, jobs: Sequence[ChatJob]) -> list[Answered]:
        """All jobs side by side, each to its last token."""
        prompts = [self.tokens(job.messages[0].content) for job in jobs]
        chains = [_chain(number) for number in range(len(jobs))]
        tokens = jobs[0].max_tokens or 1
        draw, context = llama_cpp.llama_sampler_sample, self.context
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        started_s = time.perf_counter()
        places = self.step([(prompt, 0) for prompt in prompts])
        drawn = [draw(chain, context, at) for chain, at in zip(chains, places, strict=True)]
        first_s = time.perf_counter()
        for step in range(tokens - 1):
            places = self.step(
                [
                    ((token,), len(prompt) + step)
                    for token, prompt in zip(drawn, prompts, strict=True)
                ]
            )
            drawn = [draw(chain, context, at) for chain, at in zip(chains, places, strict=True)]
        ended_s = time.perf_counter()
        for chain in chains:
            llama_cpp.llama_sampler_free(chain)
        return [Answered(started_s, first_s, ended_s, tokens) for _ in jobs]


def _parameters(model: Model, kind: int) -> Any:
    threads = model.threads or len(os.sched_getaffinity(0))
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = model.slots * model.context
    parameters.n_seq_max = model.slots
    parameters.n_batch = BATCH_TOKENS
    parameters.n_ubatch = MICRO_BATCH_TOKENS
    parameters.n_threads = threads
    parameters.n_threads_batch = threads
    parameters.type_k = kind
    parameters.type_v = kind
    parameters.kv_unified = False
    parameters.no_perf = True
    return parameters


def _chain(seed: int) -> Any:
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    for sampler in (
        llama_cpp.llama_sampler_init_top_k(SAMPLING.top_k),
        llama_cpp.llama_sampler_init_top_p(SAMPLING.top_p, 1),
        llama_cpp.llama_sampler_init_temp(SAMPLING.temperature),
        llama_cpp.llama_sampler_init_dist(seed),
    ):
        llama_cpp.llama_sampler_chain_add(chain, sampler)
    return chain


def main() -> None:
    """Measure and hand over."""
    silent = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    named = [kind for name, kind in KINDS.items() if name in sys.argv]
    loop = Loop(model(), named[0] if named else KINDS["f16"])
    hand_over(chat_sample(in_bursts(loop.burst)))


if __name__ == "__main__":
    main()
