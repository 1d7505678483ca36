"""Runtimes: what computes. Two Protocols (``base``), and for each a real one and a stub.

The law of this package: no Celery, no Redis, and one importer per inference library. Errors of
those libraries are translated here into the classes of ``errors``.
"""
