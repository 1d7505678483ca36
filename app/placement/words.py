"""What clients are told of a model that nobody can serve; the same at the door and in the queue."""

from __future__ import annotations

import re

from tasks.errors import ModelUnavailable, ModelUnplaceable

_FOLDERS = re.compile(r"(?<![\w./])/(?:[^/\s:'\"]+/)+")


def unplaceable(name: str, reason: str) -> ModelUnplaceable:
    """No node can hold the model."""
    return ModelUnplaceable(f"No node can serve the model {name!r}: {reason}.")


def not_loading(name: str, reason: str) -> ModelUnavailable:
    """The model does not load where it was put."""
    return ModelUnavailable(f"The model {name!r} does not load: {reason}")


def without_folders(reason: str) -> str:
    """The reason for those who ask for answers: where files lie here is no business of theirs."""
    return _FOLDERS.sub("", reason)
