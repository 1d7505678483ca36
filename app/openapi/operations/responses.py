"""Responses: OpenAI's newer way to ask for an answer."""

from __future__ import annotations

from app.openapi import examples
from app.openapi.operations.answers import ANSWERED, ERRORS
from app.openapi.parameters import LAST_EVENT_ID, OF_JOBS, STARTING_AFTER
from app.openapi.pieces import (
    JSON,
    Json,
    Operation,
    answer,
    body,
    content,
    in_path,
    in_query,
    named_events_of,
    one_of,
    ref,
)

_ID = in_path("response_id", "The response's id.", examples.RESPONSE["id"])
_RESPONSE = content(JSON, ref("Response"), {"completed": examples.RESPONSE})
_STREAM = named_events_of("ResponseEvent")
_LINKS: Json = {
    name: {"operationId": operation, "parameters": {"response_id": "$response.body#/id"}}
    for name, operation in (
        ("response", "getResponse"),
        ("cancel", "cancelResponse"),
        ("delete", "deleteResponse"),
    )
}

OPERATIONS = (
    Operation(
        method="post",
        path="/v1/responses",
        id="createResponse",
        tag="Responses",
        summary="Answer a conversation",
        description="Whole or as a stream, now or later. Nothing is remembered from one request to"
        " the next. With `background` the response is answered at once, and fetched later.",
        parameters=OF_JOBS,
        body=body(content(JSON, ref("ResponseRequest"), {"question": examples.RESPONSE_REQUEST})),
        answers={
            200: answer("The response.", _RESPONSE, _STREAM, headers=ANSWERED, links=_LINKS),
            202: answer(
                "The response, which nobody needs to wait for: `Prefer: respond-async` was heeded.",
                _RESPONSE,
                headers=("Location", "Preference-Applied", "x-cache", "Idempotent-Replayed"),
                links=_LINKS,
            ),
        },
        errors=ERRORS,
    ),
    Operation(
        method="get",
        path="/v1/responses/{response_id}",
        id="getResponse",
        tag="Responses",
        summary="A response as it stands, or its stream",
        parameters=(
            _ID,
            in_query("stream", "As its stream.", one_of("true", "false")),
            STARTING_AFTER,
            LAST_EVENT_ID,
        ),
        answers={200: answer("The response.", _RESPONSE, _STREAM)},
        errors=(400, 404, 410, 500, 503),
    ),
    Operation(
        method="post",
        path="/v1/responses/{response_id}/cancel",
        id="cancelResponse",
        tag="Responses",
        summary="Cancel a response",
        description="One that has ended is answered as it is.",
        parameters=(_ID,),
        answers={200: answer("The response.", _RESPONSE)},
        errors=(404, 410, 499, 500, 503),
    ),
    Operation(
        method="delete",
        path="/v1/responses/{response_id}",
        id="deleteResponse",
        tag="Responses",
        summary="Forget a response",
        description="One that is computed still is cancelled first.",
        parameters=(_ID,),
        answers={200: answer("It is gone.", content(JSON, ref("DeletedResponse")))},
        errors=(404, 499, 500, 503),
    ),
)
