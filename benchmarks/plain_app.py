"""A Flask application that does next to nothing: it reads a chat and answers with its last words.

What it answers looks like an answer of the echo model, and is as long; nothing is checked, kept
or looked up.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from flask import Flask, request

app = Flask(__name__)


@app.post("/v1/chat/completions")
def answer() -> dict[str, Any]:
    """The last message, as if a model had said it."""
    asked = request.get_json()
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked["model"],
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": asked["messages"][-1]["content"],
                    "refusal": None,
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "total_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
    }
