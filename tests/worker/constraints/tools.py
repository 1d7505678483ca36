"""Tools and jobs that the tests of this folder share."""

from __future__ import annotations

import json
from typing import Any

from tasks.jobs import ChatJob, Message, Tool

WEATHER = Tool(
    "get_weather",
    "The weather of a city",
    json.dumps(
        {
            "type": "object",
            "properties": {
                "city": {"type": "string", "maxLength": 30},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
            },
            "required": ["city"],
            "additionalProperties": False,
        }
    ),
)
ADD = Tool(
    "add",
    "Adds two numbers",
    json.dumps(
        {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        }
    ),
)
HELLO = Message("user", "Hello")


def chat(**fields: Any) -> ChatJob:
    """A job with both tools, unless told otherwise."""
    return ChatJob(
        **{"id": "x", "model": "m", "messages": (HELLO,), "tools": (WEATHER, ADD), **fields}
    )
