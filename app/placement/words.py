"""What clients are told of a model that nobody can serve; the same at the door and in the queue."""

from __future__ import annotations

from tasks.errors import ModelUnavailable, ModelUnplaceable


def unplaceable(name: str, reason: str) -> ModelUnplaceable:
    """No node can hold the model."""
    return ModelUnplaceable(f"No node can serve the model {name!r}: {reason}.")


def not_loading(name: str, reason: str) -> ModelUnavailable:
    """The model does not load where it was put."""
    return ModelUnavailable(f"The model {name!r} does not load: {reason}")
