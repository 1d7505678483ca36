"""WebSockets, as far as OpenAPI has words for them: the handshake, and what is said afterwards."""

from __future__ import annotations

from app.openapi.pieces import Json, Operation, in_header, just

_UPGRADE = (
    in_header("Connection", "As every WebSocket's handshake has it.", just("Upgrade")),
    in_header("Upgrade", "As every WebSocket's handshake has it.", just("websocket")),
    in_header("Sec-WebSocket-Version", "As every WebSocket's handshake has it.", just("13")),
    in_header("Sec-WebSocket-Key", "16 random bytes in base64.", {"type": "string"}),
)
_SWITCHED: Json = {"description": "The connection is a WebSocket from here on."}

OPERATIONS = (
    Operation(
        method="get",
        path="/v1/chat/ws",
        id="chatOverSocket",
        tag="Answers",
        summary="Chat completions over a WebSocket",
        description="Several at once on one connection. A request is a message with the fields of"
        " `POST /v1/chat/completions` and an `id` of the client's; the chunks of its answer are"
        ' messages with that `id`, the last one is `{"id", "done": true}` or has an `error`.'
        ' `{"type": "cancel", "id"}` cancels,'
        ' `{"type": "resume", "id", "job", "starting_after"}` goes on with a job. The key stands'
        " in `Authorization`, or in the subprotocol `millrace.key.<key>`.",
        parameters=_UPGRADE,
        answers={101: _SWITCHED},
        errors=(400, 401, 403, 500, 503),
    ),
    Operation(
        method="get",
        path="/live",
        id="watchLive",
        tag="Pages",
        summary="What models, queues, nodes and slots do, over a WebSocket",
        description="The first message is the client's, with its key if there is one:"
        ' `{"key": "..."}`. Then the server tells once a second what there is to see.',
        parameters=_UPGRADE,
        answers={101: _SWITCHED},
        errors=(400, 403, 500),
        key="none",
    ),
)
