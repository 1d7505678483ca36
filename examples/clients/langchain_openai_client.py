"""LangChain: whole, streamed, a tool, embeddings."""

from __future__ import annotations

import os

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
API_KEY = os.environ.get("OPENAI_API_KEY", "none")


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


chat = ChatOpenAI(
    base_url=BASE_URL, api_key=API_KEY, model="smollm2-135m", max_tokens=60, temperature=0
)
print("chat:", chat.invoke("What is the capital of France?").text)
print("stream:", "".join(chunk.text for chunk in chat.stream("What is the capital of France?")))

with_tool = chat.bind_tools([weather], tool_choice="weather", parallel_tool_calls=False)
call = with_tool.invoke("What is the weather in Rome?").tool_calls[0]
print("tool:", call["name"], call["args"])

# By default it counts tokens with OpenAI's tokenizer and sends ids: another model's words.
embeddings = OpenAIEmbeddings(
    base_url=BASE_URL, api_key=API_KEY, model="minilm-l6", check_embedding_ctx_length=False
)
vectors = embeddings.embed_documents(["a cat", "a kitten"])
print("embeddings:", len(vectors), "of", len(vectors[0]), "numbers")
