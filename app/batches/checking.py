"""The check of a whole input file, line by line, before anything of it is computed. Pure.

Whatever can be told from the file alone is told now, all of it at once, so that a batch does not
run for hours to say that its first line was wrong. What is kept of a line is a hash.
"""

from __future__ import annotations

import hashlib

import msgspec

from app.batches.lines import BadLine
from app.batches.record import MOST_ERRORS, Line, LineError, Order
from app.batches.requests import Request, request_of
from app.images.reading import Images
from app.openai.messages import DATA_URLS_ONLY
from tasks.catalog import Catalog
from tasks.jobs import EmbedJob, Job

_EMPTY = LineError(
    "empty_file", "The input file has no lines: write one request on each line, as a JSON object."
)


class Checked(msgspec.Struct, frozen=True):
    """What an input file comes to: how many requests, of which model; not to be run with errors."""

    total: int
    model: str
    errors: tuple[LineError, ...]


class Checker:
    """Takes in the lines of one file: ``add`` each, until there are none or it has ``enough``."""

    def __init__(
        self,
        order: Order,
        catalog: Catalog,
        *,
        max_lines: int,
        max_inputs: int,
        images: Images = DATA_URLS_ONLY,
    ) -> None:
        self._order = order
        self._catalog = catalog
        self._max_lines = max_lines
        self._max_inputs = max_inputs
        self._images = images
        self._total = 0
        self._inputs = 0
        self._model = ""
        self._errors: list[LineError] = []
        self._full = False
        # Line numbers by hashes of custom ids, which may be long.
        self._seen: dict[bytes, int] = {}

    @property
    def enough(self) -> bool:
        """Whether no further line would change the result."""
        return self._full or len(self._errors) >= MOST_ERRORS

    def add(self, line: Line, raw: bytes) -> None:
        """Check the next line."""
        if self.enough:
            return
        if self._total == self._max_lines:
            self._fill(
                line,
                "too_many_tasks",
                f"A batch has at most {self._max_lines} lines: send those from here on in another.",
            )
            return
        self._total += 1
        try:
            request = request_of(
                raw,
                line,
                self._order,
                self._catalog,
                job_id="",
                created_at=self._order.created_at,
                images=self._images,
            )
        except BadLine as bad:
            self._note(line, bad.custom_id)
            self.refuse(bad.error)
            return
        self._note(line, request.custom_id)
        self._check_together(line, request)

    def refuse(self, error: LineError) -> None:
        """Take in what is wrong with the file beyond its lines: the error of a ``BadLine``."""
        if not self.enough:
            self._errors.append(error)

    def result(self) -> Checked:
        """What the lines so far come to."""
        empty = not (self._total or self._errors)
        errors = (_EMPTY,) if empty else tuple(self._errors)
        return Checked(self._total, self._model, errors)

    def _note(self, line: Line, custom_id: str) -> None:
        """Refuse a custom id that an earlier line has."""
        if not custom_id:
            return
        digest = hashlib.blake2b(custom_id.encode(), digest_size=16).digest()
        first = self._seen.setdefault(digest, line.number)
        if first != line.number:
            self.refuse(
                LineError(
                    "duplicate_custom_id",
                    f"'custom_id' is {custom_id!r} as on line {first}: give each line one of its"
                    " own.",
                    line.number,
                    "custom_id",
                )
            )

    def _check_together(self, line: Line, request: Request) -> None:
        """What a good line must have in common with the others."""
        job = request.job
        self._model = self._model or job.model
        if job.model != self._model:
            self.refuse(
                LineError(
                    "model_mismatch",
                    f"'body.model' is {job.model!r}, and {self._model!r} on the first line: a"
                    " batch is of one model. Send the others in another batch.",
                    line.number,
                    "body.model",
                )
            )
        self._inputs += _inputs_of(job)
        if self._inputs > self._max_inputs:
            self._fill(
                line,
                "too_many_inputs",
                f"A batch has at most {self._max_inputs} inputs to embed, all lines together: send"
                " the lines from here on in another.",
                "body.input",
            )

    def _fill(self, line: Line, code: str, message: str, param: str | None = None) -> None:
        self.refuse(LineError(code, message, line.number, param))
        self._full = True


def _inputs_of(job: Job) -> int:
    return len(job.texts) + len(job.tokens) if isinstance(job, EmbedJob) else 0
