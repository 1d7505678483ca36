"""Models and their tokens, and what clients of llama-server ask about a server."""

from __future__ import annotations

from app.openapi import place_examples
from app.openapi.pieces import (
    JSON,
    STRING,
    Operation,
    answer,
    array,
    body,
    content,
    in_path,
    in_query,
    ref,
)

_NAME = in_path("name", "Name or alias of a model; it may have slashes.", "smollm2-135m")
_MODEL = in_query("model", "Name or alias; may be left out where there is one chat model.", STRING)
_TOKENS = {"anyOf": [ref("TokenIds"), ref("CountedTokens")]}

OPERATIONS = (
    Operation(
        method="get",
        path="/v1/models",
        id="listModels",
        tag="Models",
        summary="Every model",
        answers={200: answer("The models.", content(JSON, ref("ModelList")))},
        errors=(500,),
    ),
    Operation(
        method="get",
        path="/v1/models/{name}",
        id="getModel",
        tag="Models",
        summary="One model",
        parameters=(_NAME,),
        answers={
            200: answer("The model.", content(JSON, ref("Model"), {"chat": place_examples.MODEL}))
        },
        errors=(404, 500),
    ),
    Operation(
        method="post",
        path="/tokenize",
        id="tokenize",
        tag="Models",
        summary="The token ids of a text or of a conversation",
        description="One of `content`, `prompt` and `messages` is required. The model's worker"
        " answers while it generates; nothing is enqueued, and no model loaded.",
        body=body(
            content(
                JSON,
                ref("TokenizeRequest"),
                {
                    "llama-server": {"model": "smollm2-135m", "content": "hello world"},
                    "vllm": {"model": "smollm2-135m", "prompt": "hello world"},
                },
            )
        ),
        answers={
            200: answer("The ids.", content(JSON, _TOKENS, {"ids": {"tokens": [28120, 905]}}))
        },
        errors=(400, 404, 413, 500, 503),
    ),
    Operation(
        method="post",
        path="/detokenize",
        id="detokenize",
        tag="Models",
        summary="The text of token ids",
        body=body(
            content(
                JSON,
                ref("DetokenizeRequest"),
                {"ids": {"model": "smollm2-135m", "tokens": [28120, 905]}},
            )
        ),
        answers={
            200: answer(
                "The text.",
                content(JSON, ref("DetokenizedText"), {"text": {"content": "hello world"}}),
            )
        },
        errors=(400, 404, 413, 500, 503),
    ),
    Operation(
        method="get",
        path="/props",
        id="getProps",
        tag="Models",
        summary="A model as llama-server shows it",
        parameters=(_MODEL,),
        answers={200: answer("The properties.", content(JSON, ref("Props")))},
        errors=(400, 404, 500),
    ),
    Operation(
        method="get",
        path="/slots",
        id="getSlots",
        tag="Models",
        summary="A model's slots as llama-server shows them",
        parameters=(
            _MODEL,
            in_query("fail_on_no_slot", "Anything: a 503 when no slot is free.", STRING),
        ),
        answers={200: answer("The slots of all ready workers.", content(JSON, array(ref("Slot"))))},
        errors=(400, 404, 500, 503),
    ),
)
