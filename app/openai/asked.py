"""What a request's body comes to: a job, and what its client wants of it besides the answer."""

from __future__ import annotations

import msgspec

from tasks.jobs import Job


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A job as the body describes it; what the headers add is in ``app.wishes``."""

    job: Job
    stream: bool = False
    background: bool = False
    webhook_url: str | None = None
