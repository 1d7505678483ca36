"""What a response is not made of here, each refused with what to send instead."""

from __future__ import annotations

from app.openai.errors import BadRequest, Unsupported
from app.openai.responses.fields import ResponseBody

LOGPROBS = "message.output_text.logprobs"

INCLUDABLE = frozenset(
    {
        LOGPROBS,
        "reasoning.encrypted_content",
        "message.input_image.image_url",
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
    }
)
"""What may be asked to be included. All but the first is of things that no response here has."""


def refuse_what_is_not_served(asked: ResponseBody) -> None:
    """Refuse what would be answered otherwise than its client expects."""
    _refuse_what_is_remembered(asked)
    _refuse_what_is_done_beside(asked)
    if asked.n is not None and asked.n > 1:
        raise Unsupported(
            "'n' must be 1: a response has one answer. Send the request as often as you want"
            " answers, or to /v1/chat/completions.",
            param="n",
        )
    if asked.include:
        _check_include(asked.include)


def _refuse_what_is_remembered(asked: ResponseBody) -> None:
    if asked.previous_response_id is not None:
        raise Unsupported(
            "'previous_response_id' is not served: responses are stateless here. Send the earlier"
            " items again in 'input', with the response's 'output' behind them.",
            param="previous_response_id",
        )
    if asked.conversation is not None:
        raise Unsupported(
            "'conversation' is not served: responses are stateless here. Send the earlier items"
            " again in 'input'.",
            param="conversation",
        )
    if asked.prompt is not None:
        raise Unsupported(
            "'prompt' is not served: no prompts are stored here. Send their text in 'instructions'"
            " and 'input'.",
            param="prompt",
        )


def _refuse_what_is_done_beside(asked: ResponseBody) -> None:
    if asked.truncation == "auto":
        raise Unsupported(
            "'truncation' must be disabled: nothing is dropped from a conversation here. Leave"
            " earlier items out of 'input' yourself.",
            param="truncation",
        )
    if asked.truncation not in (None, "disabled"):
        raise BadRequest("'truncation' must be disabled.", param="truncation")
    if asked.context_management:
        raise Unsupported(
            "'context_management' is not served: nothing is dropped from a conversation here.",
            param="context_management",
        )
    if asked.moderation is not None:
        raise Unsupported(
            "'moderation' is not served: there is no such model here. Leave it out.",
            param="moderation",
        )


def _check_include(include: list[str]) -> None:
    for index, each in enumerate(include):
        if each not in INCLUDABLE:
            raise BadRequest(
                f"'include[{index}]' must be one of {', '.join(sorted(INCLUDABLE))}.",
                param=f"include[{index}]",
            )
