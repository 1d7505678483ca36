"""A job to what the engine is asked: prompts as token ids, rules, an earlier attempt's work."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from tasks.errors import InvalidJob
from tasks.events import Event, Finished, Token
from tasks.jobs import ChatJob, CompletionJob
from worker.constraints.rules import Prepared, Rules
from worker.engine import Request, Resume
from worker.engine.request import check_fits
from worker.runtimes.base import ChatRuntime

Prompts = tuple[tuple[int, ...], ...]


class Asker:
    """One model's way from jobs to requests; every method may be called from any thread."""

    def __init__(self, runtime: ChatRuntime) -> None:
        self._runtime = runtime
        self._rules = Rules(runtime)

    def check(self, job: ChatJob | CompletionJob) -> None:
        """Raise what makes the job unfit for this model, as ``request`` would."""
        self._prompts(job, self._rules.prepare(job))

    def conversation(self, job: ChatJob) -> list[int]:
        """The conversation's tokens, however many: what ``/tokenize`` counts.

        Positions of images are all -1: what else they are is of no use to others.
        """
        self._check_sight(job)
        prepared = self._rules.prepare(job)
        return [max(token, -1) for token in self._runtime.prompt(prepared.messages, prepared.tools)]

    def request(self, job: ChatJob | CompletionJob, past: Sequence[Event]) -> Request:
        """What the engine is asked, continuing from what earlier attempts logged.

        Raises ``InvalidJob`` (``ContextLengthExceeded`` among them), and the runtime's
        ``InvalidPrompt``.
        """
        prepared = self._rules.prepare(job)
        prompts = self._prompts(job, prepared)
        seed = job.sampling.seed
        return Request(
            id=job.id,
            prompts=prompts,
            sampling=job.sampling,
            seed=secrets.randbits(32) if seed is None else seed,
            max_tokens=job.max_tokens,
            stop=job.stop,
            n=job.n,
            top_logprobs=job.top_logprobs,
            ignore_eos=job.ignore_eos,
            cache_prompt=job.cache_prompt,
            priority=job.priority,
            deadline_s=_deadline_s(job),
            constrain=prepared.constrain,
            read=prepared.read,
            echo=self._echo(job, prompts),
            pictures=self._runtime.pictures(prepared.messages),
            resume=resume_from(past),
        )

    def _prompts(self, job: ChatJob | CompletionJob, prepared: Prepared) -> Prompts:
        self._check_bias(job)
        if isinstance(job, ChatJob):
            self._check_sight(job)
            prompts: Prompts = (tuple(self._runtime.prompt(prepared.messages, prepared.tools)),)
        elif job.texts:
            prompts = tuple(self._text(text) for text in job.texts)
        else:
            self._check_ids(job)
            prompts = job.tokens
        named = "messages" if isinstance(job, ChatJob) else "prompt"
        for prompt in prompts:
            if not prompt:
                raise InvalidJob("An empty prompt has nothing to go on from.", param=named)
            seen = sum(token < 0 for token in prompt)
            check_fits(len(prompt), job.max_tokens, self._runtime.context, named, seen=seen)
        return prompts

    def _text(self, text: str) -> tuple[int, ...]:
        # As llama-server does: who completes a text by hand writes the markup by hand.
        return (*self._runtime.opening, *self._runtime.tokenize(text, special=True))

    def _echo(self, job: ChatJob | CompletionJob, prompts: Prompts) -> tuple[str, ...] | None:
        if isinstance(job, ChatJob) or not job.echo:
            return None
        if job.texts:
            return job.texts
        pieces = (b"".join(map(self._runtime.piece, prompt)) for prompt in prompts)
        return tuple(data.decode("utf-8", "replace") for data in pieces)

    def _check_sight(self, job: ChatJob) -> None:
        if not self._runtime.sees and any(message.images for message in job.messages):
            raise InvalidJob(
                "This model cannot see: leave the images out, or ask a model that can.",
                param="messages",
            )

    def _check_bias(self, job: ChatJob | CompletionJob) -> None:
        for token in job.sampling.logit_bias:
            if token >= self._runtime.vocabulary:
                raise InvalidJob(
                    f"logit_bias names token {token}; the model's last is"
                    f" {self._runtime.vocabulary - 1}.",
                    param="logit_bias",
                )

    def _check_ids(self, job: CompletionJob) -> None:
        for index, tokens in enumerate(job.tokens):
            if any(not 0 <= token < self._runtime.vocabulary for token in tokens):
                raise InvalidJob(
                    f"prompt[{index}] has a token id that the model does not know; its vocabulary"
                    f" goes from 0 to {self._runtime.vocabulary - 1}.",
                    param=f"prompt[{index}]",
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


def _deadline_s(job: ChatJob | CompletionJob) -> float | None:
    """The job's deadline on the engine's clock."""
    if job.deadline_at is None:
        return None
    return time.monotonic() + job.deadline_at - time.time()
