"""The raw limit of embeddings: ONNX Runtime and the tokenizer by themselves, batches of 32.

Nothing of Millrace computes here. The session has the runtime's own settings, but for the number
of threads, which is that of the cores this process may use.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from benchmarks.contenders.sample import hand_over, model
from benchmarks.prompts import EMBED_MODEL, new_texts
from worker.runtimes.sources import resolve

BATCH = 32
TEXTS = 512


def vectors(session: Any, tokenizer: Tokenizer, batch: list[str]) -> NDArray[np.float32]:
    """Texts to unit vectors: tokens, states, their mean."""
    encoded = tokenizer.encode_batch(batch)
    ids = np.array([each.ids for each in encoded], dtype=np.int64)
    mask = np.array([each.attention_mask for each in encoded], dtype=np.int64)
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    (states,) = session.run(["last_hidden_state"], feed)
    weights = mask[:, :, None].astype(np.float32)
    mean = (states * weights).sum(axis=1) / weights.sum(axis=1)
    unit: NDArray[np.float32] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return unit


def main() -> None:
    """Measure and hand over: one figure, under the names of both columns."""
    entry = model(EMBED_MODEL)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    path = str(resolve(entry.source))
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(tokenizer_file(entry.tokenizer)))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    inputs = new_texts(TEXTS)
    vectors(session, tokenizer, inputs[:BATCH])
    began_s = time.perf_counter()
    for start in range(0, TEXTS, BATCH):
        vectors(session, tokenizer, inputs[start : start + BATCH])
    texts_per_s = TEXTS / (time.perf_counter() - began_s)
    hand_over({"single_per_s": texts_per_s, "many_per_s": texts_per_s})


def tokenizer_file(source: str | None) -> Path:
    """Where the catalog says that the tokenizer is."""
    if source is None:
        raise SystemExit("the catalog names no tokenizer for the embedding model")
    return resolve(source)


if __name__ == "__main__":
    main()
