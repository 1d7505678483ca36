"""The one error tree of the waist: what can go wrong with a job, each with a stable ``code``.

A ``TaskError`` crosses the queue as a ``Failed`` event (``code``, ``message``, ``param``) and
comes out as the same class on the other side; the API turns classes into HTTP in one table.
"""

from __future__ import annotations


class TaskError(Exception):
    """Base of all errors that a job can end with."""

    code = "internal_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class InvalidJob(TaskError):
    """Raised when a job asks for something that its model cannot do."""

    code = "invalid_value"


class ContextLengthExceeded(InvalidJob):
    """Raised when prompt and answer cannot fit into one slot's context."""

    code = "context_length_exceeded"


class UnknownModel(TaskError):
    """Raised when no catalog entry has the name or alias asked for."""

    code = "model_not_found"


class UnknownJob(TaskError):
    """Raised when a job id is not in the ledger: never accepted, expired, or another owner's."""

    code = "job_not_found"


class LogExpired(TaskError):
    """Raised when a stream is resumed after its log was dropped."""

    code = "log_expired"


class JobCancelled(TaskError):
    """Raised when a job was cancelled, by its owner or because nobody listened any more."""

    code = "job_cancelled"


class DeadlineExceeded(TaskError):
    """Raised when a job's own deadline passed before it was done."""

    code = "deadline_exceeded"


class DeadLetter(TaskError):
    """Raised when a job's process died with it too often for another attempt."""

    code = "job_failed_repeatedly"


class ModelUnavailable(TaskError):
    """Raised when nobody serves a model now: it does not load, or its worker does not answer."""

    code = "model_unavailable"


class ModelUnplaceable(ModelUnavailable):
    """Raised when no node can serve a model: for its device, its memory, or its file."""

    code = "model_unplaceable"


class ModelFailed(TaskError):
    """Raised when the runtime failed on this job alone; others on the model go on."""

    code = "model_error"


class QueueUnavailable(TaskError):
    """Raised when Redis does not answer: nothing was accepted, or its fate is unknown."""

    code = "queue_unavailable"


class QueueFull(TaskError):
    """Raised when as many jobs wait for a model as may; nothing was accepted."""

    code = "queue_full"

    def __init__(
        self, message: str, *, param: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message, param=param)
        self.retry_after_s = retry_after_s


class RateLimited(TaskError):
    """Raised when an API key or its owner has asked for as much as may be; nothing was accepted.

    ``retry_after_s`` is when as much is there again; None where nobody can know.
    """

    code = "rate_limit_exceeded"

    def __init__(
        self, message: str, *, param: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, param=param)
        self.retry_after_s = retry_after_s


class QueueOutOfMemory(QueueUnavailable):
    """Raised when the queue's Redis nears its memory limit; nothing was accepted."""

    code = "queue_out_of_memory"


class IdempotencyConflict(TaskError):
    """Raised when an idempotency key comes again with another request."""

    code = "idempotency_conflict"


class UnsupportedVersion(TaskError):
    """Raised when a record was written by a release that this one cannot read."""

    code = "unsupported_version"


def _tree(cls: type[TaskError]) -> dict[str, type[TaskError]]:
    # A class without a code of its own is its parent to the other side.
    found = {cls.code: cls} if "code" in vars(cls) else {}
    for child in cls.__subclasses__():
        found |= _tree(child)
    return found


def from_code(code: str, message: str, param: str | None = None) -> TaskError:
    """The error of ``code``, rebuilt on this side of the queue (unknown codes: the base class)."""
    error = _tree(TaskError).get(code, TaskError)(message, param=param)
    if error.code != code:
        error.code = code
    return error
