"""The error tree of the runtimes; the handlers translate it for the queue in one place."""

from __future__ import annotations

from collections.abc import Collection


class RuntimeFault(Exception):
    """Base of all errors of a runtime."""


class LoadFailed(RuntimeFault):
    """Raised when a model's file cannot be served; the message is fit for an administrator."""


class InvalidPrompt(RuntimeFault):
    """Raised when the model's chat template refuses the messages; fit for the client."""


class DecodeFailed(RuntimeFault):
    """Raised when a batch could not be computed; with ``slots``, only what was fed to those."""

    def __init__(self, message: str, slots: Collection[int] = ()) -> None:
        super().__init__(message)
        self.slots = slots
