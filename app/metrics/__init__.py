"""Metrics: what this process counts, and what one scrape of it tells of the whole place.

1. ``counted`` has the series of an API process, ``kept`` those of a keeper.
2. ``requests`` counts what comes by HTTP, ``watch`` what becomes of one answer.
3. ``standing`` reads how queues, models, nodes and batches stand, from Redis, for each scrape.
4. ``place`` puts these together with what all processes have counted (``tasks.measures``).

No label holds what a client wrote: not an owner, not a path, not the name of an unknown model.
"""
