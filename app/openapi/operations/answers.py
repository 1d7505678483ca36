"""Chats, completions and embeddings: what makes a job and answers with what came of it."""

from __future__ import annotations

from typing import Any

from app.openapi import examples
from app.openapi.headers import RATE_LIMITS
from app.openapi.parameters import OF_JOBS
from app.openapi.pieces import JSON, Json, Operation, answer, body, content, events_of, ref

ERRORS = (400, 404, 409, 410, 413, 429, 499, 500, 503, 504)
ANSWERED = ("x-cache", "Age", "Idempotent-Replayed", "x-queue-time-ms", *RATE_LIMITS)

_STREAM = (
    "With `stream` the answer is an event stream: comments (`: job <id>`, `: queued, position N`,"
    " `: ping`), then events with the `id` of the job's log and one chunk each, then"
    " `data: [DONE]`. An error after the first byte is an event with an error object. A stream"
    " that broke goes on at `/v1/jobs/{job_id}/events`."
)


def job_answers(schema: str, shown: dict[str, Any], stream: Json | None = None) -> dict[int, Json]:
    """The answer, whole or as a stream, or the job that will have it."""
    headers = (*ANSWERED, "x-cache-inputs") if stream is None else ANSWERED
    streamed = [stream] if stream else []
    return {
        200: answer("The answer.", content(JSON, ref(schema), shown), *streamed, headers=headers),
        202: answer(
            "The job, which nobody needs to wait for.",
            content(JSON, ref("Job"), {"queued": examples.JOB_QUEUED}),
            headers=("Location", "Preference-Applied", "x-cache", "Idempotent-Replayed"),
            links=JOB_LINKS,
        ),
    }


JOB_LINKS: Json = {
    name: {"operationId": operation, "parameters": {"job_id": "$response.body#/id"}}
    for name, operation in (("job", "getJob"), ("events", "followJob"), ("cancel", "cancelJob"))
}


_CHATS = {
    "question": examples.CHAT_REQUEST,
    "stream": examples.STREAM_REQUEST,
    "json_schema": examples.SCHEMA_REQUEST,
    "tools": examples.TOOLS_REQUEST,
    "background": examples.BACKGROUND_REQUEST,
}

OPERATIONS = (
    Operation(
        method="post",
        path="/v1/chat/completions",
        id="createChatCompletion",
        tag="Answers",
        summary="Answer a conversation",
        description=f"Whole or as a stream, now or later. {_STREAM}",
        parameters=OF_JOBS,
        body=body(content(JSON, ref("ChatRequest"), _CHATS)),
        answers=job_answers(
            "ChatCompletion",
            {"answer": examples.CHAT_ANSWER, "call": examples.CALL_ANSWER},
            events_of("ChatCompletionChunk", shown=examples.STREAM_ANSWER),
        ),
        errors=ERRORS,
    ),
    Operation(
        method="post",
        path="/v1/completions",
        id="createCompletion",
        tag="Answers",
        summary="Continue one or many prompts",
        description=f"As they are, without a chat template. {_STREAM}",
        parameters=OF_JOBS,
        body=body(
            content(JSON, ref("CompletionRequest"), {"prompts": examples.COMPLETION_REQUEST})
        ),
        answers=job_answers("Completion", {}, events_of("Completion")),
        errors=ERRORS,
    ),
    Operation(
        method="post",
        path="/v1/embeddings",
        id="createEmbeddings",
        tag="Answers",
        summary="Vectors for one or many inputs",
        description="They have length 1 and come in the inputs' order.",
        parameters=OF_JOBS,
        body=body(content(JSON, ref("EmbeddingsRequest"), {"inputs": examples.EMBEDDINGS_REQUEST})),
        answers=job_answers("EmbeddingList", {"vectors": examples.EMBEDDINGS_ANSWER}),
        errors=ERRORS,
    ),
)
