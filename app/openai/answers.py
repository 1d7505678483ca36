"""What the parameters common to chats and completions mean, together and for this model."""

from __future__ import annotations

from typing import TypeVar

from app.openai.answer_fields import AnswerBody
from app.openai.errors import BadRequest
from app.openai.fields import INT32
from tasks.jobs import Sampling, Shown
from tasks.model import Model

_DEFAULTS = Sampling()

V = TypeVar("V")


def given_or(value: V | None, default: V) -> V:
    """``value``, or ``default`` where a client left it out or sent null."""
    return default if value is None else value


def sampling(asked: AnswerBody) -> Sampling:
    """How the tokens are to be drawn, OpenAI's defaults filled in."""
    return Sampling(
        temperature=given_or(asked.temperature, _DEFAULTS.temperature),
        top_p=given_or(asked.top_p, _DEFAULTS.top_p),
        top_k=given_or(asked.top_k, _DEFAULTS.top_k),
        min_p=given_or(asked.min_p, _DEFAULTS.min_p),
        seed=asked.seed,
        presence_penalty=given_or(asked.presence_penalty, _DEFAULTS.presence_penalty),
        frequency_penalty=given_or(asked.frequency_penalty, _DEFAULTS.frequency_penalty),
        repeat_penalty=given_or(asked.repeat_penalty, _DEFAULTS.repeat_penalty),
        logit_bias={_token_id(key): bias for key, bias in (asked.logit_bias or {}).items()},
    )


def _token_id(key: str) -> int:
    if key.isascii() and key.isdecimal() and len(key) <= 10 and int(key) <= INT32:
        return int(key)
    raise BadRequest(
        "A key of 'logit_bias' must be a token id in decimal digits.", param="logit_bias"
    )


def stops(asked: AnswerBody) -> tuple[str, ...]:
    """The stop strings, one or many."""
    return (asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ())


def choices(asked: AnswerBody, model: Model) -> int:
    """How many choices; all are drawn at once, so the model's slots bound them."""
    if asked.n is not None and asked.n > model.slots:
        raise BadRequest(
            f"'n' must be at most {model.slots}: the model {model.name!r} has {model.slots} slots, "
            "and all choices are drawn at once.",
            param="n",
        )
    return given_or(asked.n, 1)


def shown(asked: AnswerBody) -> Shown:
    """What the answer carries besides itself; llama-server's clients ask for timings per token."""
    return Shown(
        include_usage=_wants_usage(asked),
        timings=bool(asked.timings or asked.timings_per_token),
    )


def _wants_usage(asked: AnswerBody) -> bool:
    if asked.stream_options is None:
        return False
    if not asked.stream:
        raise BadRequest("'stream_options' needs 'stream' to be true.", param="stream_options")
    return bool(asked.stream_options.include_usage)
