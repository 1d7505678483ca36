"""How llama.cpp's threads wait for each other: decided before libgomp is loaded and asks."""

from __future__ import annotations

from collections.abc import MutableMapping

# The team of a model meets at barriers several times per layer. libgomp spins there for 300,000
# rounds (3 ms) unless told otherwise, on a core that somebody else may need: two models that
# generated at once got 3 tokens/s each instead of 205, and a chat beside a client that embeds 7
# instead of 40. A short spin costs 10 to 15% of what a model alone would reach;
# docs/benchmarks.md has the figures.
SPIN_ROUNDS = "1000"


def settle(environ: MutableMapping[str, str]) -> None:
    """Choose the short spin, unless the administrator chose otherwise."""
    if "OMP_WAIT_POLICY" not in environ:
        environ.setdefault("GOMP_SPINCOUNT", SPIN_ROUNDS)
