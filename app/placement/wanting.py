"""Which models should be loaded: on demand, and no longer than they are used."""

from __future__ import annotations

from app.placement.draft import Draft
from tasks.model import Model


def wish_anew(draft: Draft) -> None:
    """Want what jobs wait for; want no more what has been idle for its time."""
    for model in draft.view.facts.models:
        if not draft.is_wanted(model.name):
            if _is_asked_for(draft, model):
                since_ms = _asked_since_ms(draft, model)
                draft.change_wish(model.name, wanted=True, why="request", since_ms=since_ms)
        elif _is_forgotten(draft, model) or _has_been_idle(draft, model):
            draft.change_wish(model.name, wanted=False, why="idle")


def _is_asked_for(draft: Draft, model: Model) -> bool:
    # Of what no node can hold nobody will want to know by the time that one can.
    return (
        draft.view.queue(model.name).waiting > 0
        and not draft.view.serves_itself(model.name)
        and draft.prospects[model.name].outcome == "somewhere"
    )


def _asked_since_ms(draft: Draft, model: Model) -> int:
    """Since when jobs wait for a model that is not there.

    By their age alone the busiest model, which was put to rest for another, would be back first.
    """
    wish, queue = draft.wish(model.name), draft.view.queue(model.name)
    oldest_ms = draft.view.now_ms - int(queue.oldest_wait_s * 1000)
    return max(oldest_ms, wish.at_ms if wish else 0)


def _is_forgotten(draft: Draft, model: Model) -> bool:
    """Whether those that asked for the model left before there was room for it."""
    wish, queue = draft.wish(model.name), draft.view.queue(model.name)
    if wish is None or wish.why != "request" or queue.waiting or queue.running:
        return False
    return not any(model.name in given for given in draft.assignments.values())


def _has_been_idle(draft: Draft, model: Model) -> bool:
    if not model.ttl_s:
        return False
    since_ms = draft.view.idle_since(model.name, draft.serving(model.name))
    return since_ms is not None and draft.view.now_ms - since_ms > model.ttl_s * 1000
