"""A completion request to a ``CompletionJob``: what the fields mean together, for this model."""

from __future__ import annotations

from app.openai import answers
from app.openai.answers import given_or
from app.openai.asked import Asked
from app.openai.body import decode
from app.openai.completion_fields import CompletionBody
from app.openai.errors import BadRequest, Unsupported
from app.openai.forms import check_endings, form_of
from app.openai.inputs import check_lengths, split_inputs
from app.openai.models import chat_model
from app.openai.request_fields import deadline_at
from tasks.catalog import Catalog
from tasks.jobs import CompletionJob, Form

MAX_CHOICES = 128
"""Of all prompts together."""

MAX_TOKENS = 16
"""OpenAI's default."""


class CompletionRequest(Asked, frozen=True, kw_only=True):
    """Prompts to be continued, and how."""

    job: CompletionJob


def parse_completion(
    body: bytes, *, catalog: Catalog, job_id: str, owner: str, created_at: float
) -> CompletionRequest:
    """The job that ``body`` asks for; ``BadRequest`` or ``UnknownModel`` if it is none."""
    asked = decode(body, CompletionBody)
    model = chat_model(catalog, asked.model)
    _refuse_unserved(asked)
    texts, tokens = split_inputs(asked.prompt, "prompt")
    check_lengths(asked.prompt, tokens, model, "prompt")
    n = answers.choices(asked, model)
    _check_count(len(texts) + len(tokens), n)
    job = CompletionJob(
        id=job_id,
        model=model.name,
        texts=texts,
        tokens=tokens,
        owner=owner,
        created_at=created_at,
        sampling=answers.sampling(asked),
        max_tokens=_max_tokens(asked),
        stop=answers.stops(asked),
        n=n,
        top_logprobs=asked.logprobs,
        echo=bool(asked.echo),
        ignore_eos=bool(asked.ignore_eos),
        cache_prompt=given_or(asked.cache_prompt, True),
        metadata=asked.metadata or {},
        form=_form(asked),
        deadline_at=deadline_at(asked, created_at),
        shown=answers.shown(asked),
    )
    return CompletionRequest(
        job=job,
        stream=bool(asked.stream),
        background=bool(asked.background),
        webhook_url=asked.webhook_url,
    )


def _refuse_unserved(asked: CompletionBody) -> None:
    if asked.suffix:
        raise Unsupported(
            "'suffix': filling in the middle is not served here. Leave it out.", param="suffix"
        )
    if asked.best_of is not None and asked.best_of != given_or(asked.n, 1):
        raise Unsupported(
            "'best_of' must be the same as 'n': choices are not drawn to be thrown away. "
            "Leave it out.",
            param="best_of",
        )
    if asked.response_format and asked.response_format.type != "text":
        raise Unsupported(
            "'response_format' belongs to chats: send 'json_schema' or 'grammar'.",
            param="response_format",
        )


def _check_count(prompts: int, n: int) -> None:
    if prompts * n > MAX_CHOICES:
        raise BadRequest(
            f"'prompt' has {prompts} prompts with {n} choices each; at most {MAX_CHOICES} choices "
            "are made in all: send the others in another request.",
            param="prompt",
        )


def _max_tokens(asked: CompletionBody) -> int:
    if asked.max_tokens == 0 and not asked.echo:
        raise BadRequest(
            "'max_tokens' must be at least 1, or 0 with 'echo', for the prompt alone.",
            param="max_tokens",
        )
    return given_or(asked.max_tokens, MAX_TOKENS)


def _form(asked: CompletionBody) -> Form | None:
    found = form_of(asked, None)
    if found is None:
        return None
    param, form = found
    check_endings(param, "an answer of that form", asked, may_stop=False)
    return form
