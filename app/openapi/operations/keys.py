"""API keys: made, listed and revoked by whoever has the admin key."""

from __future__ import annotations

from app.openapi import place_examples
from app.openapi.pieces import JSON, Json, Operation, answer, body, content, in_path, ref

_ID = in_path("key_id", "The key's id, which is not the key.", place_examples.KEY["id"])
_KEY = content(JSON, ref("ApiKey"), {"key": place_examples.KEY})
_LINKS: Json = {
    name: {"operationId": operation, "parameters": {"key_id": "$response.body#/id"}}
    for name, operation in (("key", "adminGetKey"), ("revoke", "adminRevokeKey"))
}

OPERATIONS = (
    Operation(
        method="post",
        path="/admin/keys",
        id="adminCreateKey",
        tag="Admin",
        summary="Make an API key",
        description="The key itself is in this answer and in no other.",
        body=body(content(JSON, ref("ApiKeyRequest"), {"team": place_examples.KEY_REQUEST})),
        answers={201: answer("The key.", content(JSON, ref("ApiKeyCreated")), links=_LINKS)},
        errors=(400, 413, 500, 503),
        key="admin",
    ),
    Operation(
        method="get",
        path="/admin/keys",
        id="adminListKeys",
        tag="Admin",
        summary="Every key that is not revoked, the oldest first",
        answers={200: answer("The keys.", content(JSON, ref("ApiKeyList")))},
        errors=(500, 503),
        key="admin",
    ),
    Operation(
        method="get",
        path="/admin/keys/{key_id}",
        id="adminGetKey",
        tag="Admin",
        summary="What a key is worth",
        parameters=(_ID,),
        answers={200: answer("The key.", _KEY)},
        errors=(404, 500, 503),
        key="admin",
    ),
    Operation(
        method="delete",
        path="/admin/keys/{key_id}",
        id="adminRevokeKey",
        tag="Admin",
        summary="Take a key back",
        description="Within a second no process takes it. What it has begun goes on.",
        parameters=(_ID,),
        answers={200: answer("It is worth nothing.", content(JSON, ref("ApiKeyDeleted")))},
        errors=(404, 500, 503),
        key="admin",
    ),
)
