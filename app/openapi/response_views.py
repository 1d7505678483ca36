"""Schemas of what a response's stream says, and of what is left of one that was deleted."""

from __future__ import annotations

from app.openapi.pieces import (
    COUNT,
    STRING,
    Json,
    array,
    described,
    just,
    nullable,
    one_of,
    record,
    ref,
)

NAMES = (
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.completed",
    "response.incomplete",
    "response.failed",
    "error",
)

_ITEM: Json = {"anyOf": [ref("ResponseMessage"), ref("ResponseFunctionCall")]}

RESPONSE_VIEWS: dict[str, Json] = {
    "ResponseEvent": {
        **record(
            "One event of a response's stream; which fields it has depends on its type.",
            {
                "type": one_of(*NAMES),
                "sequence_number": described(COUNT, "1, 2, 3 ... without gaps."),
                "response": ref("Response"),
                "item": _ITEM,
                "part": ref("ResponseText"),
                "item_id": STRING,
                "output_index": COUNT,
                "content_index": COUNT,
                "delta": STRING,
                "text": STRING,
                "name": STRING,
                "arguments": STRING,
                "logprobs": array(ref("ContentLogprob")),
                "code": nullable(STRING),
                "message": STRING,
                "param": nullable(STRING),
                "error": {"anyOf": [ref("ErrorObject"), ref("InterruptedError")]},
            },
        ),
        "required": ["type", "sequence_number"],
    },
    "DeletedResponse": record(
        "A response that is forgotten.",
        {"id": STRING, "object": just("response"), "deleted": {"const": True}},
    ),
}
