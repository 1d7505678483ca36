"""The body of a chat completion request as clients send it: field names, types and ranges.

What one field says alone is checked here, by decoding; what fields say together, or what
depends on the model, is checked in ``chat``. A null optional field is an absent one.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.openai.fields import (
    INT32,
    Bias,
    Count,
    Metadata,
    ModelName,
    Penalty,
    Probability,
    RepeatPenalty,
    Seed,
    Temperature,
)

MAX_MESSAGES = 2_048
"""Turns in one conversation: more than any context here holds with a template around each."""

MAX_STOPS = 4
MAX_STOP = 1_024
"""Characters of a stop string. Text that may begin one is held back, so it bounds memory."""

MAX_BIASES = 1_024
"""Token ids with a bias: each costs time at every token that is drawn."""

MAX_TOP_LOGPROBS = 20

Stop = Annotated[str, Meta(min_length=1, max_length=MAX_STOP)]
Stops = Annotated[list[Stop], Meta(max_length=MAX_STOPS)]
TopLogprobs = Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)]
TopK = Annotated[int, Meta(ge=0, le=INT32)]


class Part(msgspec.Struct):
    """A piece of a message's content; parts of other types than text carry other fields."""

    type: str
    text: str | None = None
    refusal: str | None = None


class Turn(msgspec.Struct):
    """A message as sent: its content a string, or parts."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[Any] | None = None
    function_call: Any = None


class StreamOptions(msgspec.Struct):
    """What a stream carries besides the answer."""

    include_usage: bool | None = None


class ResponseFormat(msgspec.Struct):
    """The form that the answer must have; only ``text`` is served."""

    type: str


class ChatBody(msgspec.Struct):
    """The parameters of ``POST /v1/chat/completions``, OpenAI's and llama.cpp's."""

    model: ModelName
    messages: Annotated[list[Turn], Meta(min_length=1, max_length=MAX_MESSAGES)]
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    n: Count | None = None
    stop: Stop | Stops | None = None
    seed: Seed | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: Annotated[dict[str, Bias], Meta(max_length=MAX_BIASES)] | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    response_format: ResponseFormat | None = None
    tools: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    functions: list[Any] | None = None
    parallel_tool_calls: bool | None = None
    user: str | None = None
    metadata: Metadata | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    top_k: TopK | None = None
    min_p: Probability | None = None
    repeat_penalty: RepeatPenalty | None = None
    grammar: str | None = None
    ignore_eos: bool | None = None
    cache_prompt: bool | None = None
