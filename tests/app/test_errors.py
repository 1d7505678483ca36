"""The table of errors."""

from __future__ import annotations

import msgspec
import pytest

from app.batches.errors import BatchEnded, UnknownBatch
from app.errors import NOT_AGAIN
from app.files.errors import StoreUnavailable, UnknownFile
from app.openai.errors import STATUS, body_of, status_of
from tasks.errors import ContextLengthExceeded, TaskError, from_code


def tree(cls: type[TaskError]) -> list[type[TaskError]]:
    """The class and all below it that the waist knows."""
    below = [found for child in cls.__subclasses__() for found in tree(child)]
    return [cls, *(found for found in below if found.__module__ == "tasks.errors")]


@pytest.mark.parametrize("cls", tree(TaskError))
def test_every_error_has_a_status_and_openais_shape(cls: type[TaskError]) -> None:
    """No class of the tree is answered by accident."""
    status = status_of(cls("m"))
    error = msgspec.json.decode(body_of(cls("m", param="p")))["error"]
    assert 400 <= status < 600
    assert error == {"message": "m", "type": error["type"], "param": "p", "code": cls.code}
    assert (error["type"] == "invalid_request_error") == (cls.code in CLIENTS_FAULT)


CLIENTS_FAULT = {
    "invalid_value",
    "context_length_exceeded",
    "model_not_found",
    "job_not_found",
    "log_expired",
    "job_cancelled",
    "idempotency_conflict",
}


def test_a_class_without_a_row_is_answered_as_its_parent() -> None:
    """Too long a prompt is a kind of invalid job."""
    assert ContextLengthExceeded not in STATUS
    assert status_of(ContextLengthExceeded("m")) == 400


@pytest.mark.parametrize(
    ("cls", "status"),
    [(UnknownFile, 404), (UnknownBatch, 404), (BatchEnded, 409), (StoreUnavailable, 503)],
)
def test_the_errors_of_files_and_batches_have_a_status(cls: type[TaskError], status: int) -> None:
    """Each by itself: their parent stands for a fault of the server."""
    assert cls in STATUS
    assert status_of(cls("m")) == status


def test_a_code_of_a_later_release_is_a_500() -> None:
    """While releases mix, an unknown code keeps its name and is the server's fault."""
    error = from_code("of_the_future", "m")
    assert status_of(error) == 500
    assert msgspec.json.decode(body_of(error))["error"]["code"] == "of_the_future"


def test_what_must_not_be_tried_again_says_so() -> None:
    """Clients retry 409 and 5xx by themselves; these would fail again."""
    assert {cls.code for cls in NOT_AGAIN} == {
        "deadline_exceeded",
        "job_failed_repeatedly",
        "job_cancelled",
        "idempotency_conflict",
        "batch_ended",
    }
