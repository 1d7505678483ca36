"""What is asked about a response in a URL's query."""

from __future__ import annotations

from collections.abc import Mapping

from app.openai.errors import BadRequest

_WORDS = {"true": True, "false": False}


def parse_stream(query: Mapping[str, str]) -> bool:
    """Whether the response is wanted as its stream: not unless the client says so."""
    given = query.get("stream", "false").lower()
    if given not in _WORDS:
        raise BadRequest(f"'stream' must be true or false, not {given!r}.", param="stream")
    return _WORDS[given]


def deleted_body(response_id: str) -> dict[str, object]:
    """What is left of a response that was deleted."""
    return {"id": response_id, "object": "response", "deleted": True}
