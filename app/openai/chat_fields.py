"""The body of a chat completion request as clients send it, beyond what ``AnswerBody`` has."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from app.openai.answer_fields import AnswerBody
from app.openai.fields import Count
from app.openai.forms import ResponseFormat
from app.openai.messages import MAX_MESSAGES, Turn
from app.openai.tools import ToolChoiceBody, ToolList

MAX_TOP_LOGPROBS = 20

TopLogprobs = Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)]


class ChatBody(AnswerBody, kw_only=True):
    """The parameters of ``POST /v1/chat/completions``, OpenAI's and llama.cpp's."""

    messages: Annotated[list[Turn], Meta(min_length=1, max_length=MAX_MESSAGES)]
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    response_format: ResponseFormat | None = None
    tools: ToolList | None = None
    tool_choice: str | ToolChoiceBody | None = None
    parallel_tool_calls: bool | None = None
    functions: list[Any] | None = None
    function_call: Any = None
