"""Files: what clients upload for batches, and what batches give back.

1. ``record`` is what is known of a file; ``register`` keeps it in the queue's Redis, by owner.
2. ``store`` keeps the bytes: in a folder, or in whatever an URL names (S3, say).

A file's bytes outlive its record while an open batch still reads them: a client may delete its
input as soon as the batch is made. The law of this package: no Flask and no OpenAI JSON, for the
keeper uses it too.
"""
