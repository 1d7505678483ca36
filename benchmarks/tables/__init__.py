"""The measurements: what each compares, how it is described, and which figures it has to reach."""

from __future__ import annotations

from benchmarks.measurement import Measurement, Peers
from benchmarks.tables.answers import answers
from benchmarks.tables.batches import batches
from benchmarks.tables.beside import beside
from benchmarks.tables.cached import cached
from benchmarks.tables.embeddings import embeddings
from benchmarks.tables.engine import engine
from benchmarks.tables.fair import fair
from benchmarks.tables.gap import gap
from benchmarks.tables.latency import latency
from benchmarks.tables.layers import layers, waiting
from benchmarks.tables.ledger import ledger


def measurements(peers: Peers) -> tuple[Measurement, ...]:
    """All of them, with rows of the peers that there are."""
    return (
        beside(peers),
        engine(),
        gap(peers),
        embeddings(peers),
        latency(),
        ledger(),
        cached(),
        fair(),
        layers(),
        waiting(),
        *answers(peers),
        *batches(),
    )
