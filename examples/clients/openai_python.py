"""OpenAI's Python client: whole, streamed, a tool, an object by schema, embeddings."""

from __future__ import annotations

import json
import os

from openai import OpenAI
from pydantic import BaseModel

QUESTION = "What is the capital of France?"
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


class Fruit(BaseModel):
    name: str
    is_sweet: bool


client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
model = "smollm2-135m"
messages = [{"role": "user", "content": QUESTION}]

answer = client.chat.completions.create(
    model=model, messages=messages, max_tokens=20, temperature=0
)
print("chat:", answer.choices[0].message.content)

stream = client.chat.completions.create(
    model=model, messages=messages, max_tokens=20, temperature=0, stream=True
)
text = "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)
print("stream:", text)

answer = client.chat.completions.create(
    model=model,
    messages=[{"role": "user", "content": "What is the weather in Rome?"}],
    tools=[WEATHER],
    tool_choice="required",
    parallel_tool_calls=False,
    max_tokens=60,
    temperature=0,
)
call = answer.choices[0].message.tool_calls[0]
print("tool:", call.function.name, json.loads(call.function.arguments))

parsed = client.chat.completions.parse(
    model=model, messages=messages, response_format=Fruit, temperature=0, max_tokens=60
)
print("schema:", parsed.choices[0].message.parsed)

vectors = client.embeddings.create(model="minilm-l6", input=["a cat", "a kitten"])
print("embeddings:", len(vectors.data), "of", len(vectors.data[0].embedding), "numbers")
