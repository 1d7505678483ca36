"""One short function per kind of job: ticket -> claimed job -> engine -> reply."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from tasks.errors import InvalidJob, JobCancelled, ModelFailed, TaskError
from tasks.events import Done, Event, Failed, Finished, Started, Token, Usage
from tasks.jobs import ChatJob, EmbedJob
from tasks.ledger import Claim
from tasks.reply import Reply
from worker import embedding
from worker.engine import Request, Resume
from worker.engine.sequence import check_fits
from worker.process import ModelProcess
from worker.runtimes.errors import InvalidPrompt, RuntimeFault

log = structlog.get_logger(__name__)


def chat(process: ModelProcess) -> None:
    """Claim the next chat job and answer it; returns when its end is logged, or it is lost."""
    if (claim := process.claim()) is None:
        return
    with answering(process, claim, lambda: process.engine.cancel(claim.job_id)) as reply:
        job = claim.job()
        assert isinstance(job, ChatJob)
        prompt = chat_prompt(process, job)
        past = process.past(reply)
        if not claim.last_seq:
            reply.say(Started(len(prompt)))
            process.publish(reply)
        process.engine.submit(chat_request(job, prompt, past))
        if reply.cancelled:
            process.engine.cancel(claim.job_id)
        reply.over.wait()


def embed(process: ModelProcess) -> None:
    """Claim the next embeddings job and answer it."""
    if (claim := process.claim()) is None:
        return
    with answering(process, claim, lambda: None) as reply:
        job = claim.job()
        assert isinstance(job, EmbedJob)
        inputs = embedding.inputs_of(process.embed, job)
        vectors = embedding.vectors_of(process.embed, inputs, job.dimensions, reply.interrupted)
        if vectors is None:
            raise JobCancelled("The job was cancelled.")
        started = [] if claim.last_seq else [Started(sum(map(len, inputs)))]
        usage = Usage(sum(map(len, inputs)))
        reply.say(*started, *embedding.events_of(vectors), Done(usage))


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


def chat_prompt(process: ModelProcess, job: ChatJob) -> tuple[int, ...]:
    """The job's prompt as token ids; raises what makes it unfit for this model."""
    runtime = process.engine.runtime
    for token in job.sampling.logit_bias:
        if token >= runtime.vocabulary:
            raise InvalidJob(
                f"logit_bias names token {token}; the model's last is {runtime.vocabulary - 1}.",
                param="logit_bias",
            )
    prompt = tuple(runtime.prompt(job.messages))
    check_fits(len(prompt), job.max_tokens, runtime.context)
    return prompt


def chat_request(job: ChatJob, prompt: tuple[int, ...], past: Sequence[Event]) -> Request:
    """What the engine is asked, continuing from what earlier attempts logged."""
    seed = job.sampling.seed
    return Request(
        id=job.id,
        prompt=prompt,
        sampling=job.sampling,
        seed=secrets.randbits(32) if seed is None else seed,
        max_tokens=job.max_tokens,
        stop=job.stop,
        n=job.n,
        top_logprobs=job.top_logprobs,
        ignore_eos=job.ignore_eos,
        resume=resume_from(past),
    )


def resume_from(past: Sequence[Event]) -> dict[int, Resume]:
    """Per choice, the tokens and the end that a log holds."""
    ids: dict[int, tuple[int, ...]] = {}
    ends: dict[int, Finished] = {}
    for event in past:
        if isinstance(event, Token):
            ids[event.index] = ids.get(event.index, ()) + event.ids
        elif isinstance(event, Finished):
            ends[event.index] = event
    return {index: Resume(ids.get(index, ()), ends.get(index)) for index in {*ids, *ends}}
