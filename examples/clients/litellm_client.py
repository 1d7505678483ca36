"""LiteLLM: whole, streamed, a tool, embeddings."""

from __future__ import annotations

import json
import os

import litellm

MODEL = "openai/smollm2-135m"  # "openai/" says which dialect the server speaks
MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]
server = {
    "api_base": os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
    "api_key": os.environ.get("OPENAI_API_KEY", "none"),
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
        },
    },
}

answer = litellm.completion(MODEL, MESSAGES, max_tokens=20, temperature=0, **server)
print("chat:", answer.choices[0].message.content)

stream = litellm.completion(MODEL, MESSAGES, max_tokens=20, temperature=0, stream=True, **server)
print("stream:", "".join(chunk.choices[0].delta.content or "" for chunk in stream))

answer = litellm.completion(
    MODEL,
    [{"role": "user", "content": "What is the weather in Rome?"}],
    tools=[WEATHER],
    tool_choice="required",
    parallel_tool_calls=False,
    max_tokens=60,
    temperature=0,
    **server,
)
call = answer.choices[0].message.tool_calls[0]
print("tool:", call.function.name, json.loads(call.function.arguments))

vectors = litellm.embedding(
    "openai/minilm-l6", input=["a cat", "a kitten"], encoding_format="float", **server
)
print("embeddings:", len(vectors.data), "of", len(vectors.data[0]["embedding"]), "numbers")
