"""What llama-server's clients ask about a server and its slots, in its shapes.

Anybody may ask: nothing here is of a client, and no path of this machine. What llama-server tells
of its own innards and nothing here answers to is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tasks.jobs import Sampling
from tasks.model import Model
from tasks.roster import Report

IDLE = -1
BUSY = 0
"""Numbers in place of a task's: which job it is, is its owner's to know."""


def render_props(model: Model, ready: Sequence[Report]) -> dict[str, Any]:
    """The properties of a model; of all its ``ready`` workers together where there are several."""
    context = ready[0].context if ready else model.context
    slots = sum(report.slots for report in ready) or model.slots
    return {
        "default_generation_settings": _slot(0, context, model, {}) | {"params": _params()},
        "total_slots": slots,
        "model_alias": model.name,
        "model_path": model.name,
        "chat_template": "",
        "modalities": {"vision": model.sees, "audio": False},
        "build_info": f"millrace-{own_version()}",
        "is_sleeping": not ready,
    }


def render_slots(
    model: Model, workers: Iterable[tuple[Report, Sequence[Mapping[str, Any]]]]
) -> list[dict[str, Any]]:
    """Every slot of the model's workers, one worker's behind the other's."""
    shown: list[dict[str, Any]] = []
    for report, slots in workers:
        told = {facts["slot"]: facts for facts in slots if "slot" in facts}
        first = len(shown)
        shown += [
            _slot(first + number, report.context, model, told.get(number, {}))
            for number in range(report.slots)
        ]
    return shown


@cache
def own_version() -> str:
    """The installed release."""
    try:
        return version("millrace")
    except PackageNotFoundError:
        return "unknown"


def _slot(number: int, context: int, model: Model, told: Mapping[str, Any]) -> dict[str, Any]:
    busy = bool(told.get("job"))
    return {
        "id": number,
        "id_task": BUSY if busy else IDLE,
        "n_ctx": context,
        "speculative": model.speculative > 0,
        "is_processing": busy,
        "next_token": {
            "has_next_token": busy,
            "has_new_line": False,
            "n_remain": -1,
            "n_decoded": told.get("generated_tokens", 0) if busy else 0,
        },
    }


def _params() -> dict[str, Any]:
    """What a request that says nothing of it is sampled with, as far as the names are shared."""
    sampling = Sampling()
    return {
        "n_predict": -1,
        "max_tokens": -1,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repeat_penalty,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "stop": [],
    }
