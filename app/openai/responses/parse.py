"""A request for a response to a ``ChatJob``: what the fields mean together, for this model."""

from __future__ import annotations

from app.images.reading import Images
from app.openai import answers
from app.openai.answers import given_or
from app.openai.body import decode
from app.openai.chat import ChatRequest
from app.openai.messages import DATA_URLS_ONLY
from app.openai.models import chat_model
from app.openai.request_fields import deadline_at
from app.openai.responses.fields import ResponseBody
from app.openai.responses.formats import response_form
from app.openai.responses.items import messages_of_input
from app.openai.responses.refused import LOGPROBS, refuse_what_is_not_served
from app.openai.responses.tools import response_tools
from tasks.catalog import Catalog
from tasks.jobs import ChatJob, ResponseAsked


def parse_response(
    body: bytes,
    *,
    catalog: Catalog,
    job_id: str,
    owner: str,
    created_at: float,
    images: Images = DATA_URLS_ONLY,
    later: bool = False,
) -> ChatRequest:
    """The job that ``body`` asks for; ``BadRequest`` or ``UnknownModel`` if it is none.

    ``later``: it is for the background, whatever the body says.
    """
    asked = decode(body, ResponseBody)
    model = chat_model(catalog, asked.model)
    refuse_what_is_not_served(asked)
    background = later or bool(asked.background)
    toolbox = response_tools(asked.tools, asked.tool_choice)
    job = ChatJob(
        id=job_id,
        model=model.name,
        messages=messages_of_input(asked.instructions, asked.input, model, images),
        owner=owner,
        created_at=created_at,
        sampling=answers.sampling(asked),
        max_tokens=asked.max_output_tokens,
        stop=answers.stops(asked),
        top_logprobs=_top_logprobs(asked),
        ignore_eos=bool(asked.ignore_eos),
        cache_prompt=given_or(asked.cache_prompt, True),
        metadata=asked.metadata or {},
        form=response_form(asked, toolbox),
        tools=toolbox.tools,
        tool_choice=toolbox.choice,
        tool_name=toolbox.name,
        # Without tools it says nothing.
        parallel_tool_calls=not toolbox.tools or given_or(asked.parallel_tool_calls, True),
        deadline_at=deadline_at(asked, created_at),
        shown=answers.shown(asked),
        response=_said_again(asked, background),
    )
    return ChatRequest(
        job=job,
        stream=bool(asked.stream),
        background=background,
        webhook_url=asked.webhook_url,
    )


def _said_again(asked: ResponseBody, background: bool) -> ResponseAsked:
    form = asked.text.format if asked.text else None
    return ResponseAsked(
        background=background,
        instructed=bool(asked.instructions),
        form_name=form.name or "" if form else "",
        form_description=form.description or "" if form else "",
    )


def _top_logprobs(asked: ResponseBody) -> int | None:
    """Whoever says how many wants them, also without saying so in ``include``."""
    if asked.top_logprobs is None and LOGPROBS not in (asked.include or ()):
        return None
    return given_or(asked.top_logprobs, 0)
