"""A whole answer, then the same question streamed. Needs `make run` and `pip install openai`."""

from __future__ import annotations

import os

from openai import OpenAI

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
QUESTION = "Explain what a message queue is in one sentence."

# There are no keys yet; the client wants one all the same.
client = OpenAI(base_url=BASE_URL, api_key="none")

answer = client.chat.completions.create(
    model="smollm2-135m",
    messages=[{"role": "user", "content": QUESTION}],
    temperature=0,
)
print(answer.choices[0].message.content, answer.usage and answer.usage.total_tokens)

stream = client.chat.completions.create(
    model="smollm2-135m",
    messages=[{"role": "user", "content": QUESTION}],
    temperature=0,
    stream=True,
)
for chunk in stream:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
print()
