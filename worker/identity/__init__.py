"""What serves a model, as one digest: its definition, its files' bytes, its engine's release.

1. ``files``: which files a model uses, and what their bytes hash to.
2. ``witness``: finds the digest once the model is loaded, and says it for as long as it serves.

A digest is said only of files that are, by all that the system tells, still those that were there
before the loading. Without one nothing is kept of what the worker answers, and no more is lost.
"""
