"""The worker's spans: an attempt at a job, and in it the waiting, the prompt, and the decoding.

They are told when the attempt is over, from what its last event says of its times: while tokens
are computed, nothing is done for them. An attempt whose process died has no span; the next one's
says by its number that there was one. With several choices the times are sums over all of them,
and are shown within the attempt's own.
"""

from __future__ import annotations

import structlog

from tasks.errors import UnsupportedVersion
from tasks.events import Done, Failed
from tasks.jobs import Job
from tasks.reply import Reply
from tasks.tracing import Tracer, tracer_of

log = structlog.get_logger(__name__)


class Attempts:
    """Tells the attempts of one process; nothing happens where no traces are collected."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._tracer = tracer_of("millrace-worker")

    def over(self, reply: Reply) -> None:
        """The attempt behind ``reply`` is over."""
        if self._tracer is not None:
            try:
                self._tell(self._tracer, reply, reply.claim.job())
            except UnsupportedVersion:
                return
            except Exception as error:  # noqa: BLE001 - no job may fail for its trace
                log.warning("not traced", job=reply.claim.job_id, error=type(error).__name__)

    def close(self) -> None:
        """Send what is left."""
        if self._tracer is not None:
            self._tracer.close()

    def _tell(self, tracer: Tracer, reply: Reply, job: Job) -> None:
        claim, end = reply.claim, reply.ended
        span = tracer.start(
            f"attempt {self._model}",
            "CONSUMER",
            parent=job.traceparent,
            at_s=reply.began_at,
            attributes={
                "gen_ai.request.model": self._model,
                "millrace.job.id": claim.job_id,
                "millrace.attempt": claim.attempt,
                "millrace.resumed_events": claim.last_seq,
                "millrace.fenced": reply.fenced,
            },
        )
        if claim.attempt == 1:
            began_at = reply.began_at - claim.waited_ms / 1000
            waited = tracer.start("queue wait", parent=job.traceparent, at_s=began_at)
            waited.end(reply.began_at)
        if isinstance(end, Done):
            self._phases(tracer, span.traceparent, reply, end)
            span.set(
                {
                    "gen_ai.usage.input_tokens": end.usage.prompt_tokens,
                    "gen_ai.usage.output_tokens": end.usage.completion_tokens,
                    "millrace.cached_tokens": end.usage.cached_tokens,
                }
            )
        elif isinstance(end, Failed):
            span.fail(end.code)
        span.end(reply.ended_at)

    def _phases(self, tracer: Tracer, parent: str, reply: Reply, end: Done) -> None:
        timings, ended_at = end.timings, reply.ended_at
        if timings is None or ended_at is None:
            return
        first_at = max(ended_at - timings.predicted_ms / 1000, reply.began_at)
        prompt_at = max(first_at - timings.prompt_ms / 1000, reply.began_at)
        read = {
            "millrace.computed_tokens": timings.prompt_n,
            "millrace.cached_tokens": timings.cache_n,
        }
        tracer.start("prompt", parent=parent, at_s=prompt_at, attributes=read).end(first_at)
        written = {"millrace.tokens": timings.predicted_n, "millrace.guessed": timings.draft_n}
        tracer.start("decode", parent=parent, at_s=first_at, attributes=written).end(ended_at)
