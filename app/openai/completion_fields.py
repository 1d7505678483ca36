"""The body of a completion request as clients send it, beyond what ``AnswerBody`` has."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from app.openai.answer_fields import AnswerBody
from app.openai.fields import INT32, Count
from app.openai.forms import ResponseFormat
from app.openai.inputs import Inputs, Text

MAX_LOGPROBS = 5

MaxTokens = Annotated[int, Meta(ge=0, le=INT32)]
TopLogprobs = Annotated[int, Meta(ge=0, le=MAX_LOGPROBS)]


class CompletionBody(AnswerBody, kw_only=True):
    """The parameters of ``POST /v1/completions``. One list of token ids is one prompt."""

    prompt: Text | Inputs
    max_tokens: MaxTokens | None = None
    best_of: Count | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: TopLogprobs | None = None
    response_format: ResponseFormat | None = None
