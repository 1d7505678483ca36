"""Trials side by side: one per lane at a time, so that a hundred kills take minutes."""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from faults.trial import Trial
from faults.yard import Yard

One = Callable[[Yard, str, int], Trial]


def side_by_side(yard: Yard, numbers: Sequence[int], one: One) -> Iterator[Trial]:
    """``one(yard, model, number)`` for every number, over the models of the yard."""
    left: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in numbers:
        left.put(number)
    played: queue.SimpleQueue[Trial] = queue.SimpleQueue()

    def lane(model: str) -> None:
        while True:
            try:
                number = left.get_nowait()
            except queue.Empty:
                return
            played.put(attempted(partial(one, yard, model, number), number))

    for model in yard.models[: len(numbers)]:
        threading.Thread(target=lane, args=(model.name,), name=model.name, daemon=True).start()
    for _ in numbers:
        yield played.get()


def one_by_one(yard: Yard, numbers: Sequence[int], one: One) -> Iterator[Trial]:
    """The same, one after the other, on the yard's first model."""
    for number in numbers:
        yield attempted(partial(one, yard, yard.models[0].name, number), number)


def attempted(play: Callable[[], Trial], number: int) -> Trial:
    """The trial; what went wrong in playing it is a breach, so that it is seen and hours go on."""
    try:
        return play()
    except Exception as error:  # noqa: BLE001 - it is told in the table, with its place
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
        return Trial(number=number, broken=1, note=said[:600])
