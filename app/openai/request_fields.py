"""What every request that makes a job may say about the job, beside what it asks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from app.openai.fields import Metadata, ModelName

MAX_TIMEOUT_S = 86_400

Timeout = Annotated[float, Meta(gt=0, le=MAX_TIMEOUT_S)]


class RequestBody(msgspec.Struct, kw_only=True):
    """OpenAI's parameters that any job has, then our own."""

    model: ModelName
    user: str | None = None
    metadata: Metadata | None = None
    timeout_s: Timeout | None = None
    background: bool | None = None
    webhook_url: str | None = None


def deadline_at(asked: RequestBody, created_at: float) -> float | None:
    """When the answer is of no use any more, in seconds since the epoch."""
    return None if asked.timeout_s is None else created_at + asked.timeout_s
