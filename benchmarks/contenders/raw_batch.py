"""The raw limit of a batch of embeddings: as fast as ONNX Runtime gets through the same texts.

Nothing of Millrace computes here. All texts are tokenised in one call, sorted by their length, and
computed in batches of 32 by two threads that have a session of one thread each: on two cores that
is faster than one session with two threads (1,160 texts/s to 960), than batches of 16 (1,020) and
of 64 (1,060). The vectors stay in memory; nothing is read from a file or written to one.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from benchmarks.contenders.raw_embed import tokenizer_file
from benchmarks.contenders.sample import hand_over, model
from benchmarks.prompts import EMBED_MODEL
from benchmarks.texts import short_texts
from worker.runtimes.sources import resolve

ROWS = 32
WARM_UP_TEXTS = 512

Vectors = NDArray[np.float32]


class Lanes:
    """Sessions of one thread, one per core, which share out batches among them."""

    def __init__(self, path: Path, number: int) -> None:
        self._sessions = [one_thread(path) for _ in range(number)]

    def vectors(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        """Unit vectors, in the order of the tokens."""
        by_length = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
        batches = iter([by_length[at : at + ROWS] for at in range(0, len(tokens), ROWS)])
        found = np.empty((len(tokens), 384), dtype=np.float32)
        taking = threading.Lock()

        def compute(session: Any) -> None:
            while True:
                with taking:
                    places = next(batches, None)
                if places is None:
                    return
                found[places] = unit_vectors(session, [tokens[place] for place in places])

        threads = [threading.Thread(target=compute, args=(each,)) for each in self._sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found


def one_thread(path: Path) -> Any:
    """A session that computes in its caller's thread alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def unit_vectors(session: Any, tokens: Sequence[Sequence[int]]) -> Vectors:
    """States of the tokens, their mean, its direction."""
    ids = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, each in enumerate(tokens):
        ids[row, : len(each)] = each
        mask[row, : len(each)] = 1
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    (states,) = session.run(["last_hidden_state"], feed)
    weights = mask.astype(np.float32)
    mean = np.einsum("rtd,rt->rd", states, weights) / weights.sum(axis=1, keepdims=True)
    unit: Vectors = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return unit


def main() -> None:
    """Measure as many texts as the command line says; one figure, under both columns' names."""
    entry = model(EMBED_MODEL)
    lanes = Lanes(resolve(entry.source), len(os.sched_getaffinity(0)))
    tokenizer = Tokenizer.from_file(str(tokenizer_file(entry.tokenizer)))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = short_texts(int(sys.argv[1]))
    lanes.vectors([each.ids for each in tokenizer.encode_batch_fast(texts[:WARM_UP_TEXTS])])
    began_s = time.perf_counter()
    found = lanes.vectors([each.ids for each in tokenizer.encode_batch_fast(texts)])
    per_s = len(found) / (time.perf_counter() - began_s)
    hand_over({"texts_per_s": per_s, "whole_per_s": per_s})


if __name__ == "__main__":
    main()
