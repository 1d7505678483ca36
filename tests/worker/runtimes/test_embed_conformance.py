"""What every embedding runtime promises, held against each of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from worker.runtimes.base import EmbedRuntime

TEXTS = [
    "The mill turns.",
    "a " * 200,
    "",
    "naïve café — 水車",
    "The queue is long today, and the workers are slow.",
]


def test_vectors_have_unit_length(embed: EmbedRuntime) -> None:
    """One vector of length 1 per text, of the stated dimension, as 32-bit floats."""
    vectors = embed.embed(embed.tokenize(TEXTS))
    assert vectors.shape == (len(TEXTS), embed.dimensions)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_order_is_that_of_the_inputs(embed: EmbedRuntime) -> None:
    """Each vector is at its input's place, however the batch was arranged."""
    inputs = embed.tokenize(TEXTS)
    forward, backward = embed.embed(inputs), embed.embed(inputs[::-1])
    assert np.allclose(forward, backward[::-1], atol=1e-4)


def test_company_does_not_matter(embed: EmbedRuntime) -> None:
    """A text's vector alone differs from that in a mixed batch by less than 1e-4."""
    inputs = embed.tokenize(TEXTS)
    together = embed.embed(inputs)
    alone = np.concatenate([embed.embed([tokens]) for tokens in inputs])
    assert np.abs(together - alone).max() < 1e-4


def test_no_inputs_are_no_vectors(embed: EmbedRuntime) -> None:
    """An empty request has an empty answer."""
    assert embed.embed([]).shape == (0, embed.dimensions)
    assert embed.tokenize([]) == []


def test_wrap_completes_and_never_doubles(embed: EmbedRuntime) -> None:
    """Markers are put around bare tokens, and around nothing twice."""
    (tokens,) = embed.tokenize(["The mill turns."])
    assert embed.wrap(tokens) == tokens
    assert embed.wrap(tokens[1:-1]) == tokens
    assert embed.wrap([]) == embed.tokenize([""])[0]


def test_long_text_is_not_cut(embed: EmbedRuntime) -> None:
    """A text beyond the context keeps all its tokens, so that the caller can refuse it."""
    (tokens,) = embed.tokenize(["water " * 1000])
    assert len(tokens) > embed.context


def test_odd_text_is_read(embed: EmbedRuntime) -> None:
    """A lone surrogate and a NUL do no harm."""
    assert np.isfinite(embed.embed(embed.tokenize(["odd \ud800 \x00 text"]))).all()


def test_ids_lie_in_the_vocabulary(embed: EmbedRuntime) -> None:
    """Every id of every text is below the stated size of the vocabulary."""
    assert all(0 <= t < embed.vocabulary for tokens in embed.tokenize(TEXTS) for t in tokens)


def test_threads_share_the_runtime(embed: EmbedRuntime) -> None:
    """Calls from many threads at once give what one thread gets."""
    inputs = embed.tokenize(TEXTS)
    expected = embed.embed(inputs)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: embed.embed(inputs), range(8)):
            assert np.abs(vectors - expected).max() < 1e-4
