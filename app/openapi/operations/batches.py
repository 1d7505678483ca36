"""Batches: many requests in a file, answered in the background."""

from __future__ import annotations

from app.openai.batches import DEFAULT_LIMIT, MAX_LIMIT
from app.openapi import place_examples
from app.openapi.parameters import AFTER, limit
from app.openapi.pieces import JSON, Json, Operation, answer, body, content, in_path, ref

_ID = in_path("batch_id", "The batch's id.", place_examples.BATCH["id"])
_BATCH = content(JSON, ref("Batch"), {"completed": place_examples.BATCH})
_LINKS: Json = {
    name: {"operationId": operation, "parameters": {"batch_id": "$response.body#/id"}}
    for name, operation in (("batch", "getBatch"), ("cancel", "cancelBatch"))
}

OPERATIONS = (
    Operation(
        method="post",
        path="/v1/batches",
        id="createBatch",
        tag="Batches",
        summary="Answer the requests in a file",
        body=body(content(JSON, ref("BatchRequest"), {"night": place_examples.BATCH_REQUEST})),
        answers={200: answer("The batch.", _BATCH, links=_LINKS)},
        errors=(400, 413, 429, 500, 503),
    ),
    Operation(
        method="get",
        path="/v1/batches",
        id="listBatches",
        tag="Batches",
        summary="A page of batches, newest first",
        parameters=(limit(MAX_LIMIT, DEFAULT_LIMIT), AFTER),
        answers={200: answer("The page.", content(JSON, ref("BatchList")))},
        errors=(400, 500, 503),
    ),
    Operation(
        method="get",
        path="/v1/batches/{batch_id}",
        id="getBatch",
        tag="Batches",
        summary="One batch as it stands",
        parameters=(_ID,),
        answers={200: answer("The batch.", _BATCH)},
        errors=(404, 500, 503),
    ),
    Operation(
        method="post",
        path="/v1/batches/{batch_id}/cancel",
        id="cancelBatch",
        tag="Batches",
        summary="Cancel a batch",
        description="What it has answered by then is in its files.",
        parameters=(_ID,),
        answers={200: answer("The batch.", _BATCH)},
        errors=(404, 409, 500, 503),
    ),
)
