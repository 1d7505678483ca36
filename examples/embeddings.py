"""Which sentence means the same? Needs `make run` and `pip install openai`."""

from __future__ import annotations

import os

from openai import OpenAI

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
SENTENCES = [
    "A cat sits on the mat.",
    "A kitten is resting on a rug.",
    "Interest rates rose by half a percent.",
]

client = OpenAI(base_url=BASE_URL, api_key="none")
answer = client.embeddings.create(model="minilm-l6", input=SENTENCES)
first, *others = [row.embedding for row in answer.data]

# The vectors have length 1, so their dot product is the cosine of the angle between them.
for sentence, vector in zip(SENTENCES[1:], others, strict=True):
    cosine = sum(a * b for a, b in zip(first, vector, strict=True))
    print(f"{cosine:.2f}  {sentence}")
