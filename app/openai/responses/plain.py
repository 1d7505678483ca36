"""The response object of a job that has said nothing yet: what was asked, said again."""

from __future__ import annotations

from msgspec import Raw

from app.openai.responses.ids import response_id
from app.openai.responses.shapes import (
    FunctionTool,
    InputDetails,
    NamedTool,
    OutputDetails,
    Response,
    ResponseUsage,
    TextShape,
    TextShown,
)
from tasks.events import Usage
from tasks.jobs import ChatJob, ResponseAsked

_PLAIN = ResponseAsked()


def plain_response(job: ChatJob) -> Response:
    """The response of ``job`` as it is when the job has been accepted."""
    asked = job.response or _PLAIN
    background = in_background(job)
    return Response(
        id=response_id(job.id),
        created_at=int(job.created_at),
        status="queued" if background else "in_progress",
        background=background,
        instructions=job.messages[0].content if asked.instructed else None,
        max_output_tokens=job.max_tokens,
        metadata=job.metadata,
        model=job.model,
        parallel_tool_calls=job.parallel_tool_calls,
        store=background,
        temperature=job.sampling.temperature,
        text=TextShown(_format(job, asked)),
        tool_choice=NamedTool(job.tool_name) if job.tool_name else job.tool_choice,
        tools=tuple(
            FunctionTool(tool.name, tool.description or None, Raw(tool.parameters.encode()))
            for tool in job.tools
        ),
        top_logprobs=job.top_logprobs or 0,
        top_p=job.sampling.top_p,
    )


def in_background(job: ChatJob) -> bool:
    """Whether nobody needs to listen."""
    return job.response is not None and job.response.background


def response_usage(usage: Usage) -> ResponseUsage:
    """The tokens of a job, by the names that they have in a response."""
    return ResponseUsage(
        usage.prompt_tokens,
        InputDetails(usage.cached_tokens),
        usage.completion_tokens,
        OutputDetails(),
        usage.prompt_tokens + usage.completion_tokens,
    )


def _format(job: ChatJob, asked: ResponseAsked) -> TextShape:
    form = job.form
    if form is None or form.kind == "gbnf":
        # A grammar is no format that OpenAI has a word for.
        return TextShape()
    if form.kind == "json":
        return TextShape("json_object")
    return TextShape(
        "json_schema",
        # llama-server's 'json_schema' has no name.
        asked.form_name or "schema",
        asked.form_description or None,
        Raw(form.source.encode()),
        True,
    )
