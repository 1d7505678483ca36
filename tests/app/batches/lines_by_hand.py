"""Input files of batches as the tests write them, and the models that they ask."""

from __future__ import annotations

import json
from typing import Any

from app.batches.record import Endpoint, Order
from tasks.catalog import Catalog
from tasks.model import Model

CATALOG = Catalog(
    (
        Model(name="echo", kind="chat", source="echo:", slots=2, context=600, aliases=("loud",)),
        Model(name="other", kind="chat", source="echo:"),
        Model(name="echo-embed", kind="embed", source="echo:", context=64),
    )
)
BODIES: dict[Endpoint, dict[str, Any]] = {
    "/v1/chat/completions": {
        "model": "echo",
        "messages": [{"role": "user", "content": "one two"}],
    },
    "/v1/completions": {"model": "echo", "prompt": "one two"},
    "/v1/embeddings": {"model": "echo-embed", "input": "one two"},
}
CHAT: Endpoint = "/v1/chat/completions"
EMBED: Endpoint = "/v1/embeddings"


def order_for(endpoint: Endpoint = CHAT, **changes: Any) -> Order:
    """A batch of this endpoint."""
    least: dict[str, Any] = {
        "id": "batch_1",
        "owner": "local",
        "endpoint": endpoint,
        "input_file_id": "file-1",
        "input_blob": "blob",
        "completion_window": "24h",
        "created_at": 1_000,
        "expires_at": 87_400,
        "output_ttl_s": 3_600,
    }
    return Order(**(least | changes))


def raw_line(
    custom_id: Any = "a", endpoint: Endpoint = CHAT, *, body: Any = None, **changes: Any
) -> bytes:
    """A line without its end; ``body`` holds what differs from a plain one."""
    whole = BODIES[endpoint] | body if isinstance(body, dict) else body or BODIES[endpoint]
    envelope = {"custom_id": custom_id, "method": "POST", "url": endpoint, "body": whole}
    return json.dumps(envelope | changes).encode()
