"""One slot's sampler: llama.cpp's own chain, in llama.cpp's own order.

Bias, penalties, top-k, top-p, min-p, temperature, and the draw. It differs from llama-server in
one respect: penalties see every token of the answer and none of the prompt, as OpenAI's do, where
llama-server's see the last 64 of both.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from tasks.jobs import Sampling
from worker.runtimes.llama.candidates import Candidates
from worker.runtimes.llama.logits import Rows
from worker.runtimes.llama.vocabulary import Vocabulary
from worker.runtimes.sampling import GREEDY_BELOW, check

_SEEDS = 0xFFFFFFFF
"""llama.cpp's seeds lie below this one, which asks it for a random seed."""


class Chain:
    """A sampler chain of llama.cpp and its state; ``close`` frees both."""

    def __init__(
        self,
        sampling: Sampling,
        vocabulary: Vocabulary,
        history: Sequence[int],
        *,
        context: int,
        seed: int,
        ban_end: bool,
    ) -> None:
        check(sampling)
        biases = _biases(sampling, vocabulary, ban_end=ban_end)
        self._biased = np.fromiter(biases.keys(), dtype=np.int32)
        self._bias = np.fromiter(biases.values(), dtype=np.float32)
        params = llama_cpp.llama_sampler_chain_default_params()
        params.no_perf = True
        self.handle = llama_cpp.llama_sampler_chain_init(params)
        # How many of the likeliest tokens the chain looks at; penalties change which those are.
        self._keeps = 0
        if _penalizes(sampling):
            self._add(
                llama_cpp.llama_sampler_init_penalties(
                    vocabulary.size,
                    context,
                    sampling.repeat_penalty,
                    sampling.frequency_penalty,
                    sampling.presence_penalty,
                )
            )
        else:
            self._keeps = 1 if sampling.temperature < GREEDY_BELOW else sampling.top_k
        if sampling.temperature < GREEDY_BELOW:
            self._add(llama_cpp.llama_sampler_init_greedy())
        else:
            self._add_draw(sampling, vocabulary.size, seed, drawn=len(history))
        for token in history:
            llama_cpp.llama_sampler_accept(self.handle, token)

    def draw(self, row: Rows, candidates: Candidates, mask: NDArray[np.bool_] | None) -> int:
        """The next token, from one row of logits, which is changed on the way."""
        if mask is not None:
            row[~mask] = -math.inf
        if self._biased.size:
            row[self._biased] += self._bias
        chosen = candidates.fill(row, self._keeps)
        llama_cpp.llama_sampler_apply(self.handle, ctypes.byref(chosen))
        token = int(chosen.data[chosen.selected].id)
        llama_cpp.llama_sampler_accept(self.handle, token)
        return token

    def close(self) -> None:
        """Free the chain and its samplers; it cannot be used afterwards."""
        llama_cpp.llama_sampler_free(self.handle)

    def _add(self, sampler: llama_cpp.llama_sampler_p) -> None:
        llama_cpp.llama_sampler_chain_add(self.handle, sampler)

    def _add_draw(self, sampling: Sampling, vocabulary: int, seed: int, *, drawn: int) -> None:
        if 0 < sampling.top_k < vocabulary:
            self._add(llama_cpp.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1:
            self._add(llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0:
            self._add(llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1))
        if sampling.temperature != 1:
            self._add(llama_cpp.llama_sampler_init_temp(sampling.temperature))
        dice = llama_cpp.llama_sampler_init_dist(seed % _SEEDS)
        _throw(dice, drawn)
        self._add(dice)


def _penalizes(sampling: Sampling) -> bool:
    return (
        sampling.repeat_penalty != 1
        or sampling.frequency_penalty != 0
        or sampling.presence_penalty != 0
    )


def _biases(sampling: Sampling, vocabulary: Vocabulary, *, ban_end: bool) -> dict[int, float]:
    for token in sampling.logit_bias:
        if not 0 <= token < vocabulary.size:
            raise ValueError(
                f"logit_bias names token {token}; this model's run from 0 to {vocabulary.size - 1}"
            )
    banned = vocabulary.suppressed | (vocabulary.end_tokens if ban_end else frozenset())
    return sampling.logit_bias | dict.fromkeys(banned, -math.inf)


def _throw(dice: llama_cpp.llama_sampler_p, times: int) -> None:
    """Spend the random numbers that ``times`` earlier tokens took.

    A seeded answer that goes on after an interruption then meets the same luck as without one.
    The sampler takes one number per token, also when there is only one candidate.
    """
    if not times:
        return
    candidate = (llama_cpp.llama_token_data * 1)()
    candidates = llama_cpp.llama_token_data_array(data=candidate, size=1, selected=-1, sorted=False)
    for _ in range(times):
        llama_cpp.llama_sampler_apply(dice, ctypes.byref(candidates))
