"""A chat completion request to a ``ChatJob``: what the fields mean together, for this model."""

from __future__ import annotations

from app.images.reading import Images
from app.openai import answers
from app.openai.answers import given_or
from app.openai.asked import Asked
from app.openai.body import decode
from app.openai.chat_fields import ChatBody
from app.openai.errors import BadRequest, Unsupported
from app.openai.forms import agreed_form, check_endings, form_of
from app.openai.messages import DATA_URLS_ONLY, messages_of
from app.openai.models import chat_model
from app.openai.request_fields import deadline_at
from app.openai.tools import Toolbox, toolbox_of
from tasks.catalog import Catalog
from tasks.jobs import ChatJob, Form


class ChatRequest(Asked, frozen=True, kw_only=True):
    """A conversation to be answered, and how."""

    job: ChatJob


def parse_chat(
    body: bytes,
    *,
    catalog: Catalog,
    job_id: str,
    owner: str,
    created_at: float,
    images: Images = DATA_URLS_ONLY,
) -> ChatRequest:
    """The job that ``body`` asks for; ``BadRequest`` or ``UnknownModel`` if it is none."""
    asked = decode(body, ChatBody)
    model = chat_model(catalog, asked.model)
    _refuse_functions(asked)
    toolbox = toolbox_of(asked.tools, asked.tool_choice)
    job = ChatJob(
        id=job_id,
        model=model.name,
        messages=messages_of(asked.messages, model, images),
        owner=owner,
        created_at=created_at,
        sampling=answers.sampling(asked),
        max_tokens=given_or(asked.max_completion_tokens, asked.max_tokens),
        stop=answers.stops(asked),
        n=answers.choices(asked, model),
        top_logprobs=_top_logprobs(asked),
        ignore_eos=bool(asked.ignore_eos),
        cache_prompt=given_or(asked.cache_prompt, True),
        metadata=asked.metadata or {},
        form=_form(asked, toolbox),
        tools=toolbox.tools,
        tool_choice=toolbox.choice,
        tool_name=toolbox.name,
        # Without tools it says nothing.
        parallel_tool_calls=not toolbox.tools or given_or(asked.parallel_tool_calls, True),
        deadline_at=deadline_at(asked, created_at),
        shown=answers.shown(asked),
    )
    return ChatRequest(
        job=job,
        stream=bool(asked.stream),
        background=bool(asked.background),
        webhook_url=asked.webhook_url,
    )


def _form(asked: ChatBody, toolbox: Toolbox) -> Form | None:
    """The form of the answer, unless it may be a call."""
    if toolbox.must_call:
        check_endings("tool_choice", "a call", asked, may_stop=True)
    return agreed_form(form_of(asked, asked.response_format), asked, may_call=toolbox.may_call)


def _top_logprobs(asked: ChatBody) -> int | None:
    if asked.logprobs:
        return given_or(asked.top_logprobs, 0)
    if asked.top_logprobs is not None:
        raise BadRequest("'top_logprobs' needs 'logprobs' to be true.", param="top_logprobs")
    return None


def _refuse_functions(asked: ChatBody) -> None:
    """Refuse the parameters that tools have taken the place of."""
    if asked.functions:
        raise Unsupported(
            "'functions' are not read any more: send them as 'tools'.", param="functions"
        )
    if asked.function_call not in (None, "none", "auto"):
        raise Unsupported(
            "'function_call' is not read any more: send 'tool_choice', with 'tools'.",
            param="function_call",
        )
