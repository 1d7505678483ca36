"""One short function per kind of job: ticket -> claimed job -> engine -> reply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog

from tasks.errors import InvalidJob, ModelFailed, TaskError
from tasks.events import Failed, Started
from tasks.jobs import ChatJob, CompletionJob
from tasks.ledger import Claim
from tasks.reply import Reply
from worker.process import ModelProcess
from worker.runtimes.errors import InvalidPrompt, RuntimeFault

log = structlog.get_logger(__name__)


def chat(process: ModelProcess) -> None:
    """Claim the next job of a chat model and answer it; returns when its end is logged, or lost."""
    if (claim := process.claim()) is None:
        return
    with answering(process, claim, lambda: process.engine.cancel(claim.name)) as reply:
        job = claim.job()
        assert isinstance(job, ChatJob | CompletionJob)
        # By the attempt: what ends an earlier one of the same job must not end this one.
        request = replace(process.asker.request(job, process.past(reply)), id=claim.name)
        if not claim.last_seq:
            prompt = sum(map(len, request.prompts))
            reply.say(Started(prompt, queued_ms=claim.waited_ms))
            process.publish(reply)
        process.engine.submit(request)
        if reply.interrupted():
            # Heard before the engine knew the request.
            process.engine.cancel(claim.name)
        reply.over.wait()


def embed(process: ModelProcess) -> None:
    """Answer embeddings jobs, many at a time, until none waits."""
    process.intake.serve(translate)


@contextmanager
def answering(
    process: ModelProcess, claim: Claim, on_cancel: Callable[[], None]
) -> Iterator[Reply]:
    """Hold the claim while the block answers it; whatever goes wrong becomes a ``Failed`` event."""
    reply = process.reply_to(claim, on_cancel)
    log.info("job started", job=claim.job_id, attempt=claim.attempt)
    try:
        yield reply
    except Exception as error:
        reply.say(Failed.of(translate(error)))
        if not isinstance(error, TaskError | InvalidPrompt):
            log.exception("job failed", job=claim.job_id)
    finally:
        process.publish(reply)
        reply.over.wait()
        process.leases.drop(reply)
        process.attempts.over(reply)
        log.info("job over", job=claim.job_id, attempt=claim.attempt, fenced=reply.fenced)


def translate(error: Exception) -> TaskError:
    """What the client is told of an error in a handler."""
    if isinstance(error, TaskError):
        return error
    if isinstance(error, InvalidPrompt):
        return InvalidJob(str(error), param="messages")
    if isinstance(error, RuntimeFault):
        return ModelFailed("The model could not compute this request.")
    return TaskError("The worker failed on this request; its log has the reason.")
