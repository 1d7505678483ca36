"""What was asked for: its sizes, which anybody may see, and its text, which only who asks may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from console.wording import counted, moment
from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Job, Message

Line = tuple[str, str]


def sizes(job: Job, now_s: float) -> Iterator[Line]:
    """Counts and limits of a request, without a word of it."""
    if isinstance(job, ChatJob):
        yield "messages", _messages(job.messages)
        if job.tools:
            characters = sum(len(t.name + t.description + t.parameters) for t in job.tools)
            yield "tools", f"{len(job.tools)}, {counted(characters, 'character')}"
    else:
        yield "inputs", _inputs(job)
    if isinstance(job, EmbedJob):
        yield from [("dimensions", str(job.dimensions))] if job.dimensions else []
    else:
        yield "asked for", _asked_for(job)
        if job.form:
            yield "form", f"{job.form.kind}, {counted(len(job.form.source), 'character')}"
    if job.metadata:
        yield "metadata", counted(len(job.metadata), "entry", "entries")
    if job.deadline_at is not None:
        yield "deadline", moment(job.deadline_at, now_s)


def content(job: Job) -> Iterator[Line]:
    """The request's own text, piece by piece, each under its heading."""
    if isinstance(job, ChatJob):
        yield from _said(job.messages)
        for tool in job.tools:
            yield f"tool {tool.name}", "\n".join(filter(None, (tool.description, tool.parameters)))
    else:
        for number, text in enumerate(job.texts):
            yield f"input {number}", text
        for number, ids in enumerate(job.tokens):
            yield f"input {number}", " ".join(map(str, ids))
    if not isinstance(job, EmbedJob):
        if job.form and job.form.source:
            yield f"form {job.form.kind}", job.form.source
        for text in job.stop:
            yield "stop", text
    for name, value in job.metadata.items():
        yield f"metadata {name}", value


def _messages(messages: tuple[Message, ...]) -> str:
    roles = Counter(message.role for message in messages)
    said = ", ".join(f"{number} {role}" for role, number in roles.items())
    characters = sum(len(message.content) for message in messages)
    return f"{len(messages)} ({said}), {counted(characters, 'character')}"


def _inputs(job: CompletionJob | EmbedJob) -> str:
    if job.tokens:
        return f"{len(job.tokens)}, {counted(sum(map(len, job.tokens)), 'token')}"
    return f"{len(job.texts)}, {counted(sum(map(len, job.texts)), 'character')}"


def _asked_for(job: ChatJob | CompletionJob) -> str:
    most = "" if job.max_tokens is None else f" of at most {counted(job.max_tokens, 'token')}"
    return f"{counted(job.n, 'choice')}{most}, temperature {job.sampling.temperature:g}"


def _said(messages: tuple[Message, ...]) -> Iterator[Line]:
    for message in messages:
        if message.content:
            yield message.role, message.content
        for call in message.tool_calls:
            yield f"{message.role} calls {call.name}", call.arguments
