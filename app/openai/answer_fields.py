"""The parameters that every request for an answer may carry: of chats and of completions.

What one field says alone is checked here, by decoding; what the fields say together, or what
depends on the model, is checked in ``answers``. A null optional field is an absent one.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.openai.fields import (
    INT32,
    Bias,
    Count,
    Penalty,
    Probability,
    RepeatPenalty,
    Seed,
    Temperature,
)
from app.openai.request_fields import RequestBody

MAX_STOPS = 4
MAX_STOP = 1_024
"""Characters of a stop string. Text that may begin one is held back, so it bounds memory."""

MAX_BIASES = 1_024
"""Token ids with a bias: each costs time at every token that is drawn."""

Stop = Annotated[str, Meta(min_length=1, max_length=MAX_STOP)]
Stops = Annotated[list[Stop], Meta(max_length=MAX_STOPS)]
TopK = Annotated[int, Meta(ge=0, le=INT32)]


class StreamOptions(msgspec.Struct):
    """What a stream carries besides the answer."""

    include_usage: bool | None = None


class AnswerBody(RequestBody, kw_only=True):
    """OpenAI's parameters, then those of llama.cpp and vLLM."""

    temperature: Temperature | None = None
    top_p: Probability | None = None
    n: Count | None = None
    stop: Stop | Stops | None = None
    seed: Seed | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: Annotated[dict[str, Bias], Meta(max_length=MAX_BIASES)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    top_k: TopK | None = None
    min_p: Probability | None = None
    repeat_penalty: RepeatPenalty | None = None
    grammar: str | None = None
    json_schema: dict[str, Any] | None = None
    ignore_eos: bool | None = None
    cache_prompt: bool | None = None
    timings: bool | None = None
    timings_per_token: bool | None = None
