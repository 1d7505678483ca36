"""A chat completion request to a ``ChatJob``: what the fields mean together, for this model."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from app.openai.body import decode
from app.openai.chat_fields import ChatBody, Part, Turn
from app.openai.errors import BadRequest, Unsupported
from app.openai.fields import INT32
from app.openai.models import chat_model
from tasks.catalog import Catalog, Model
from tasks.jobs import ChatJob, Message, Sampling

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_UNSERVED_PARTS = {"image_url": "vision", "input_audio": "hearing", "file": "file reading"}
_DEFAULTS = Sampling()

V = TypeVar("V")


class ChatRequest(msgspec.Struct, frozen=True):
    """A job, and how its answer is to be sent."""

    job: ChatJob
    stream: bool
    include_usage: bool


def parse_chat(
    body: bytes, *, catalog: Catalog, job_id: str, owner: str, created_at: float
) -> ChatRequest:
    """The job that ``body`` asks for; ``BadRequest`` or ``UnknownModel`` if it is none."""
    asked = decode(body, ChatBody)
    model = chat_model(catalog, asked.model)
    _refuse_unserved(asked)
    job = ChatJob(
        id=job_id,
        model=model.name,
        messages=tuple(_message(turn, i, model) for i, turn in enumerate(asked.messages)),
        owner=owner,
        created_at=created_at,
        sampling=_sampling(asked),
        max_tokens=_or(asked.max_completion_tokens, asked.max_tokens),
        stop=_stop(asked.stop),
        n=_choices(asked.n, model),
        top_logprobs=_top_logprobs(asked),
        ignore_eos=bool(asked.ignore_eos),
        cache_prompt=_or(asked.cache_prompt, True),
        metadata=asked.metadata or {},
    )
    return ChatRequest(job, bool(asked.stream), _include_usage(asked))


def prompt_bytes(job: ChatJob) -> int:
    """UTF-8 bytes of the conversation's contents and names, the template's own not counted."""
    return sum(_utf8(m.content) + _utf8(m.name or "") for m in job.messages)


def _utf8(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _or(value: V | None, default: V) -> V:
    return default if value is None else value


def _message(turn: Turn, i: int, model: Model) -> Message:
    where = f"messages[{i}]"
    role = _ROLES.get(turn.role)
    if role is None:
        raise BadRequest(
            f"'{where}.role' must be system, developer, user, assistant or tool.",
            param=f"{where}.role",
        )
    if turn.tool_calls or turn.function_call is not None:
        raise Unsupported(
            f"'{where}' holds tool calls, which this release does not serve: send its text only.",
            param=f"{where}.tool_calls" if turn.tool_calls else f"{where}.function_call",
        )
    return Message(role, _text(turn, f"{where}.content", model), turn.name)


def _text(turn: Turn, where: str, model: Model) -> str:
    content = turn.content
    if isinstance(content, str):
        return content
    if not content:
        raise BadRequest(
            f"'{where}' must be a string, or an array with at least one part of type text.",
            param=where,
            code="invalid_value" if content == [] else "missing_required_parameter",
        )
    # As llama-server and vLLM join them.
    return "\n".join(_part(part, f"{where}[{k}]", turn, model) for k, part in enumerate(content))


def _part(part: Part, where: str, turn: Turn, model: Model) -> str:
    if part.type == "text":
        text = part.text
    elif part.type == "refusal" and turn.role == "assistant":
        text = part.refusal
    elif sense := _UNSERVED_PARTS.get(part.type):
        raise Unsupported(
            f"'{where}': the model {model.name!r} has no {sense} here; send parts of type text.",
            param=where,
        )
    else:
        raise BadRequest(f"'{where}.type' must be text.", param=f"{where}.type")
    if text is None:
        raise BadRequest(
            f"'{where}.{part.type}' is missing: it is required.",
            param=f"{where}.{part.type}",
            code="missing_required_parameter",
        )
    return text


def _sampling(asked: ChatBody) -> Sampling:
    return Sampling(
        temperature=_or(asked.temperature, _DEFAULTS.temperature),
        top_p=_or(asked.top_p, _DEFAULTS.top_p),
        top_k=_or(asked.top_k, _DEFAULTS.top_k),
        min_p=_or(asked.min_p, _DEFAULTS.min_p),
        seed=asked.seed,
        presence_penalty=_or(asked.presence_penalty, _DEFAULTS.presence_penalty),
        frequency_penalty=_or(asked.frequency_penalty, _DEFAULTS.frequency_penalty),
        repeat_penalty=_or(asked.repeat_penalty, _DEFAULTS.repeat_penalty),
        logit_bias={_token_id(key): bias for key, bias in (asked.logit_bias or {}).items()},
    )


def _token_id(key: str) -> int:
    if key.isascii() and key.isdecimal() and len(key) <= 10 and int(key) <= INT32:
        return int(key)
    raise BadRequest(
        "A key of 'logit_bias' must be a token id in decimal digits.", param="logit_bias"
    )


def _stop(stop: str | list[str] | None) -> tuple[str, ...]:
    return (stop,) if isinstance(stop, str) else tuple(stop or ())


def _choices(n: int | None, model: Model) -> int:
    if n is not None and n > model.slots:
        raise BadRequest(
            f"'n' must be at most {model.slots}: the model {model.name!r} has {model.slots} slots, "
            "and all choices are drawn at once.",
            param="n",
        )
    return _or(n, 1)


def _top_logprobs(asked: ChatBody) -> int | None:
    if asked.logprobs:
        return _or(asked.top_logprobs, 0)
    if asked.top_logprobs is not None:
        raise BadRequest("'top_logprobs' needs 'logprobs' to be true.", param="top_logprobs")
    return None


def _include_usage(asked: ChatBody) -> bool:
    if asked.stream_options is None:
        return False
    if not asked.stream:
        raise BadRequest("'stream_options' needs 'stream' to be true.", param="stream_options")
    return bool(asked.stream_options.include_usage)


def _refuse_unserved(asked: ChatBody) -> None:
    """Refuse what would constrain the answer: to ignore it would be to answer wrongly."""
    form = asked.response_format.type if asked.response_format else "text"
    if form in ("json_object", "json_schema", "grammar"):
        raise Unsupported(
            "This release does not constrain output: 'response_format' must be of type text.",
            param="response_format",
        )
    if form != "text":
        raise BadRequest("'response_format.type' must be text.", param="response_format.type")
    if asked.grammar:
        raise Unsupported(
            "This release does not constrain output: leave 'grammar' out.", param="grammar"
        )
    for param, listed in (("tools", asked.tools), ("functions", asked.functions)):
        if listed:
            raise Unsupported(
                f"This release does not constrain output to tool calls: leave '{param}' out.",
                param=param,
            )
    if asked.tool_choice not in (None, "none", "auto"):
        raise Unsupported(
            "This release does not constrain output to tool calls: "
            "'tool_choice' must be none or auto.",
            param="tool_choice",
        )
