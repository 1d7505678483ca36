"""The shapes of a response in JSON: the object, and the items that its output consists of."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.openai.chat_shapes import ContentLogprob
from app.openai.responses.errors import ResponseError

ItemStatus = Literal["in_progress", "completed", "incomplete"]
Status = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]


class OutputText(msgspec.Struct, frozen=True, tag_field="type", tag="output_text"):
    """The text of a message; nothing here annotates it."""

    text: str
    annotations: tuple[()] = ()
    logprobs: tuple[ContentLogprob, ...] = ()


class OutputMessage(msgspec.Struct, frozen=True, tag_field="type", tag="message", kw_only=True):
    """What the model says."""

    id: str
    status: ItemStatus
    role: Literal["assistant"] = "assistant"
    content: tuple[OutputText, ...]


class FunctionCall(msgspec.Struct, frozen=True, tag_field="type", tag="function_call"):
    """A call that the model makes; ``arguments`` is JSON text."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: ItemStatus


OutputItem = OutputMessage | FunctionCall


class InputDetails(msgspec.Struct, frozen=True):
    """Of the input's tokens, those that were found computed."""

    cached_tokens: int
    cache_write_tokens: int = 0


class OutputDetails(msgspec.Struct, frozen=True):
    """Of the output's tokens, those that nobody sees: none here."""

    reasoning_tokens: int = 0


class ResponseUsage(msgspec.Struct, frozen=True):
    """The tokens of a response."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class Incomplete(msgspec.Struct, frozen=True):
    """Why an output is cut off."""

    reason: Literal["max_output_tokens"] = "max_output_tokens"


class Reasoning(msgspec.Struct, frozen=True):
    """How the model was made to think before it answers: not at all."""

    effort: None = None
    summary: None = None


class FunctionTool(msgspec.Struct, frozen=True, tag_field="type", tag="function"):
    """A tool as it was sent; every call keeps its schema, whatever ``strict`` said."""

    name: str
    description: str | None
    parameters: Raw
    strict: Literal[True] = True


class NamedTool(msgspec.Struct, frozen=True, tag_field="type", tag="function"):
    """The one function that must be called."""

    name: str


class TextShape(msgspec.Struct, frozen=True):
    """The form that the text has: of a schema its name and itself."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    schema: Raw | UnsetType = UNSET
    strict: Literal[True] | UnsetType = UNSET


class TextShown(msgspec.Struct, frozen=True):
    """How the text is."""

    format: TextShape


class Response(msgspec.Struct, frozen=True, tag_field="object", tag="response", kw_only=True):
    """The response object. ``store`` says whether it can be fetched later; times are seconds."""

    id: str
    created_at: int
    status: Status
    background: bool
    completed_at: int | None = None
    error: ResponseError | None = None
    incomplete_details: Incomplete | None = None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: None = None
    metadata: dict[str, str]
    model: str
    output: tuple[OutputItem, ...] = ()
    parallel_tool_calls: bool
    previous_response_id: None = None
    reasoning: Reasoning = Reasoning()
    service_tier: Literal["default"] = "default"
    store: bool
    temperature: float
    text: TextShown
    tool_choice: Literal["none", "auto", "required"] | NamedTool
    tools: tuple[FunctionTool, ...]
    top_logprobs: int
    top_p: float
    truncation: Literal["disabled"] = "disabled"
    usage: ResponseUsage | None = None
