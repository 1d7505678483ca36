"""The body of ``POST /v1/responses`` as clients send it.

What has no effect here is not listed where any value of it is as good as another.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.openai.answer_fields import AnswerBody
from app.openai.chat_fields import TopLogprobs
from app.openai.fields import Count
from app.openai.messages import MAX_MESSAGES
from app.openai.tools import MAX_TOOLS


class InputPart(msgspec.Struct):
    """A piece of an item's content; parts of other types carry other fields."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    file_id: str | None = None


class InputItem(msgspec.Struct):
    """A message, a call, or a call's output; a message may leave out its type.

    Items of other types carry other fields, and these with other contents.
    """

    type: str | None = None
    role: str | None = None
    content: str | list[InputPart] | None = None
    call_id: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    name: str | None = None
    arguments: Any = None
    output: Any = None


class TextFormat(msgspec.Struct):
    """The form that the text must have; the fields of a schema stand beside its type."""

    type: str
    name: str | None = None
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class TextConfig(msgspec.Struct):
    """How the text is to be; ``verbosity`` is a wish that no model here understands."""

    format: TextFormat | None = None
    verbosity: str | None = None


class FlatTool(msgspec.Struct):
    """A function, its fields beside its type; tools of other types carry other fields."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FlatChoice(msgspec.Struct):
    """A choice that is not one of the three words."""

    type: str
    name: str | None = None


class ResponseBody(AnswerBody, kw_only=True):
    """OpenAI's parameters; those of llama.cpp and vLLM come with ``AnswerBody``."""

    input: str | Annotated[list[InputItem], Meta(min_length=1, max_length=MAX_MESSAGES)]
    instructions: str | None = None
    max_output_tokens: Count | None = None
    top_logprobs: TopLogprobs | None = None
    include: list[str] | None = None
    text: TextConfig | None = None
    tools: Annotated[list[FlatTool], Meta(max_length=MAX_TOOLS)] | None = None
    tool_choice: str | FlatChoice | None = None
    parallel_tool_calls: bool | None = None
    store: bool | None = None
    truncation: str | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    prompt: Any = None
    context_management: list[Any] | None = None
    moderation: Any = None
