"""LlamaIndex: whole, streamed, a tool, embeddings."""

from __future__ import annotations

import os

from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
API_KEY = os.environ.get("OPENAI_API_KEY", "none")
QUESTION = "What is the capital of France?"


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


chat = OpenAILike(
    api_base=BASE_URL,
    api_key=API_KEY,
    model="smollm2-135m",
    is_chat_model=True,
    is_function_calling_model=True,
    context_window=2048,
    max_tokens=40,
)
print("chat:", chat.complete("What is the capital of France?").text)
print(
    "stream:",
    "".join(part.delta or "" for part in chat.stream_complete("What is the capital of France?")),
)

asked = chat.chat_with_tools(
    [FunctionTool.from_defaults(weather)],
    user_msg="What is the weather in Rome?",
    tool_required=True,
    allow_parallel_tool_calls=False,
)
call = chat.get_tool_calls_from_response(asked)[0]
print("tool:", call.tool_name, call.tool_kwargs)

embeddings = OpenAILikeEmbedding(model_name="minilm-l6", api_base=BASE_URL, api_key=API_KEY)
vectors = embeddings.get_text_embedding_batch(["a cat", "a kitten"])
print("embeddings:", len(vectors), "of", len(vectors[0]), "numbers")
