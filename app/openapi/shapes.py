"""The schemas of all bodies: most of them of the structs that read and write these bodies."""

from __future__ import annotations

import msgspec

from app.admin import key_orders, orders
from app.admin.definition import CHOICES
from app.openai import (
    batch_body,
    batches,
    chat_shapes,
    completion_shapes,
    embeddings,
    errors,
    files,
    job_body,
    restart,
    tokens,
)
from app.openai.chat_fields import ChatBody
from app.openai.completion_fields import CompletionBody
from app.openai.responses.fields import ResponseBody
from app.openai.responses.shapes import Response
from app.openapi.admin_views import ADMIN_VIEWS
from app.openapi.key_views import KEY_VIEWS
from app.openapi.pieces import Json, just, one_of, ref
from app.openapi.request_notes import REQUESTS, Notes
from app.openapi.response_notes import RESPONSE_REQUESTS
from app.openapi.response_views import RESPONSE_VIEWS
from app.openapi.structs import refined, schemas_of
from app.openapi.views import VIEWS
from tasks.model import NAME

REQUEST_STRUCTS: dict[type[msgspec.Struct], str] = {
    ChatBody: "ChatRequest",
    CompletionBody: "CompletionRequest",
    ResponseBody: "ResponseRequest",
    embeddings.EmbeddingsBody: "EmbeddingsRequest",
    tokens.TokenizeBody: "TokenizeRequest",
    tokens.DetokenizeBody: "DetokenizeRequest",
    batches.BatchRequestBody: "BatchRequest",
    orders.LoadOrder: "LoadRequest",
    orders.UnloadOrder: "UnloadRequest",
    key_orders.KeyBody: "ApiKeyRequest",
}

ANSWER_STRUCTS: dict[type[msgspec.Struct], str] = {
    chat_shapes.Completion: "ChatCompletion",
    chat_shapes.Chunk: "ChatCompletionChunk",
    Response: "Response",
    completion_shapes.Completion: "Completion",
    embeddings.Embeddings: "EmbeddingList",
    files.FileBody: "File",
    files.FileList: "FileList",
    files.DeletedFile: "DeletedFile",
    batch_body.BatchBody: "Batch",
    batch_body.BatchList: "BatchList",
    job_body.JobBody: "Job",
    job_body.JobList: "JobList",
    tokens.CountedTokens: "CountedTokens",
    tokens.DetokenizedText: "DetokenizedText",
    restart.Interrupted: "Interrupted",
    errors.ErrorBody: "Error",
}

ADMINS = ("LoadRequest", "UnloadRequest", "ModelDefinition", "ApiKeyRequest")

INNER = {
    "Turn": "ChatMessage",
    "Part": "ContentPart",
    "ToolCallBody": "ToolCallInput",
    "ToolBody": "Tool",
    "FunctionBody": "FunctionDefinition",
    "ToolChoiceBody": "NamedToolChoice",
    "SchemaFormat": "NamedSchema",
    "Definition": "ModelDefinition",
    "_Expiry": "FileExpiry",
    "Call": "ToolCall",
    "CallPiece": "ToolCallPiece",
    "Function": "ToolCallFunction",
    "StreamChoice": "ChatCompletionChunkChoice",
    "Delta": "ChatCompletionDelta",
    "UsageBody": "Usage",
    "TimingsBody": "Timings",
    "app.openai.chat_shapes.Choice": "ChatCompletionChoice",
    "app.openai.chat_shapes.Logprobs": "ChatLogprobs",
    "app.openai.completion_shapes.Choice": "CompletionChoice",
    "app.openai.completion_shapes.Logprobs": "CompletionLogprobs",
    "app.openai.embeddings._Usage": "EmbeddingsUsage",
    "_Counts": "BatchCounts",
    "_Errors": "BatchErrors",
    "app.openai.batch_body._Error": "BatchError",
    "app.openai.batch_body._Usage": "BatchUsage",
    "_InputDetails": "BatchInputDetails",
    "_OutputDetails": "BatchOutputDetails",
    "app.openai.restart._Error": "InterruptedError",
    "InputPart": "ResponseInputPart",
    "InputItem": "ResponseInputItem",
    "TextFormat": "ResponseTextRequest",
    "TextConfig": "ResponseTextConfig",
    "FlatTool": "ResponseToolRequest",
    "FlatChoice": "ResponseToolChoice",
    "OutputMessage": "ResponseMessage",
    "OutputText": "ResponseText",
    "FunctionCall": "ResponseFunctionCall",
    "InputDetails": "ResponseInputDetails",
    "OutputDetails": "ResponseOutputDetails",
    "Incomplete": "ResponseIncomplete",
    "Reasoning": "ResponseReasoning",
    "FunctionTool": "ResponseTool",
    "NamedTool": "ResponseNamedTool",
    "TextShape": "ResponseTextFormat",
    "TextShown": "ResponseTextShown",
    "Urls": "JobUrls",
    "Webhook": "JobWebhook",
}

_EMBEDDING: Json = {
    "description": "The vector: numbers, or base64 of little-endian float32.",
    "anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}],
}
_RESULT: Json = {
    "description": "The answer that a client would have got who waited for it.",
    "anyOf": [ref("ChatCompletion"), ref("Completion"), ref("EmbeddingList"), ref("Response")],
}

ANSWERS: Notes = {
    "File": {"object": just("file"), "status": just("processed")},
    "FileList": {"object": just("list")},
    "DeletedFile": {"object": just("file"), "deleted": {"const": True}},
    "Job": {
        "kind": one_of(*job_body.KINDS.values()),
        "attempt": "How often a worker has taken it up.",
        "position": "While it is queued: how many are to be taken up until it is.",
        "expires_at": "When its result is forgotten.",
        "deadline_at": "From `timeout_s`.",
        "cancelling": "True while a running job has been asked to stop.",
        "result": _RESULT,
        "error": "The error in place of a result.",
    },
    "ChatCompletionChoice": {
        "finish_reason": one_of("stop", "length", "tool_calls"),
    },
    "Embedding": {"embedding": _EMBEDDING},
    "ErrorObject": {
        "message": "What is wrong, and what to do about it.",
        "type": one_of(
            errors.INVALID_REQUEST,
            "authentication_error",
            errors.RATE_LIMIT,
            errors.UNAVAILABLE,
            errors.SERVER,
        ),
        "param": "The field, parameter or header at fault.",
        "code": "What is wrong, for programs: a string or null, never a number.",
    },
}

_DEFINED: Notes = {
    "ModelDefinition": {
        "name": {"description": "Of the model.", "pattern": NAME},
        "source": "`path:<file>`, `hf:<owner>/<repo>/<file>`, `package:<name>/<path>`, `echo:`.",
        **{name: {"enum": list(words)} for name, words in CHOICES.items()},
    },
}

# What is written by structs that cannot be read back: a union of two tuples.
_TOKENS: Json = {
    "TokenIds": {
        "type": "object",
        "description": "Token ids as llama-server answers them.",
        "properties": {
            "tokens": {
                "type": "array",
                "items": {"anyOf": [{"type": "integer"}, ref("TokenPiece")]},
            }
        },
        "required": ["tokens"],
    },
    "TokenPiece": {
        "type": "object",
        "description": "A token with its text; half a character is told in bytes.",
        "properties": {
            "id": {"type": "integer"},
            "piece": {
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}},
                ]
            },
        },
        "required": ["id", "piece"],
    },
}


def schemas() -> Json:
    """Every schema, by the name of its component."""
    found = {**asked_schemas(), **told_schemas()}
    return dict(sorted(found.items()))


def asked_schemas() -> Json:
    """Those of requests."""
    asked = refined(schemas_of(REQUEST_STRUCTS, INNER), REQUESTS | RESPONSE_REQUESTS | _DEFINED)
    for name in ADMINS:
        # An unknown field of an admin's order is refused.
        asked[name]["additionalProperties"] = False
    return asked


def told_schemas() -> Json:
    """Those of answers."""
    told = refined(schemas_of(ANSWER_STRUCTS, INNER), ANSWERS)
    return {**told, **_TOKENS, **VIEWS, **ADMIN_VIEWS, **KEY_VIEWS, **RESPONSE_VIEWS}
