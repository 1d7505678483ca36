"""Embeddings: waiting jobs to vectors, the inputs of all requests merged into common batches.

1. ``intake`` takes jobs out of the ledger, many at a time, and says their vectors.
2. ``job`` turns a job into inputs, and vectors into events.
3. ``engine`` computes: callers hand in inputs and are told when their vectors are there.
4. ``line`` decides which inputs are computed together, and whose turn it is.

``engine`` and ``line`` know neither Celery nor Redis.
"""
