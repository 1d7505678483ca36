"""Files: what clients upload for batches, and what batches give back.

1. ``record`` is what is known of a file; ``register`` keeps it in the queue's Redis, by owner.
2. ``store`` keeps the bytes, by name: in a ``folder``, or ``remote``, in S3; ``blobs`` says which.
   Their errors are translated by the one table in ``faults``.
3. ``place`` puts both together for the API; ``sweeping`` deletes what is over.

A file's bytes outlive its record while an open batch still reads them: a client may delete its
input as soon as the batch is made. The law of this package: no Flask and no OpenAI JSON, for the
keeper uses it too, with threads where the API has greenlets (``aside``, ``native_loop``).
"""
