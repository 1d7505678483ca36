"""Schemas of what is not written by structs: models, readiness, llama-server's shapes."""

from __future__ import annotations

from typing import get_args

from app.openapi.pieces import (
    BOOLEAN,
    COUNT,
    INTEGER,
    NUMBER,
    STRING,
    Json,
    array,
    described,
    just,
    listed,
    mapping,
    nullable,
    one_of,
    record,
    ref,
)
from tasks.model import Kind
from tasks.model_state import ModelState

KIND = one_of(*get_args(Kind))
STATE = one_of(*get_args(ModelState))
SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}

_SLOT: dict[str, Json] = {
    "id": COUNT,
    "id_task": {"type": "integer", "enum": [-1, 0], "description": "0 in a busy slot."},
    "n_ctx": COUNT,
    "speculative": BOOLEAN,
    "is_processing": BOOLEAN,
    "next_token": record(
        "What the slot's answer has so far.",
        {
            "has_next_token": BOOLEAN,
            "has_new_line": BOOLEAN,
            "n_remain": INTEGER,
            "n_decoded": COUNT,
        },
    ),
}

_PARAMS = record(
    "How a request that says nothing of it is sampled.",
    {
        "n_predict": INTEGER,
        "max_tokens": INTEGER,
        "temperature": NUMBER,
        "top_k": INTEGER,
        "top_p": NUMBER,
        "min_p": NUMBER,
        "repeat_penalty": NUMBER,
        "presence_penalty": NUMBER,
        "frequency_penalty": NUMBER,
        "stop": array(STRING),
    },
)

VIEWS: dict[str, Json] = {
    "Model": record(
        "OpenAI's model object, with our own fields.",
        {
            "id": described(STRING, "The model's name."),
            "object": just("model"),
            "created": INTEGER,
            "owned_by": just("millrace"),
            "kind": KIND,
            "aliases": array(STRING),
            "context": described(COUNT, "Tokens per slot, prompt and answer together."),
            "slots": described(COUNT, "Of one worker."),
            "vision": described(BOOLEAN, "Whether its messages may hold images."),
            "state": described(nullable(STATE), "Null when Redis does not answer."),
        },
    ),
    "ModelList": listed("Model", "Every model that may be used, in the catalog's order."),
    "Health": record("The process answers.", {"status": just("ok")}),
    "Readiness": record(
        "Whether a request would be served now.",
        {
            "status": one_of("ok", "loading", "queue_unavailable", "draining"),
            "models": mapping(ref("ModelReadiness")),
            "keeper": one_of("ready", "missing", "unknown"),
        },
    ),
    "ModelReadiness": record(
        "How a model stands.",
        {
            "state": STATE,
            "reason": nullable(STRING),
            "progress": described(SHARE, "Of its loading."),
        },
        optional=("progress",),
    ),
    "Slot": record("A slot as llama-server shows it.", _SLOT),
    "Props": record(
        "A model as llama-server shows it.",
        {
            "default_generation_settings": record(
                "A slot that is idle, and how it samples.", {**_SLOT, "params": _PARAMS}
            ),
            "total_slots": COUNT,
            "model_alias": STRING,
            "model_path": described(STRING, "The model's name: no path is told."),
            "chat_template": just(""),
            "modalities": record("What it takes.", {"vision": BOOLEAN, "audio": BOOLEAN}),
            "build_info": STRING,
            "is_sleeping": described(BOOLEAN, "No worker is ready."),
        },
    ),
}
