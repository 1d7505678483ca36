"""What a yard consists of: the runner's own parts, two of the API, workers as many as asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from faults.setup import Setup
from runner.parts import Part, Stage, api_part, celery, keeper_part, part_name, redis_part
from runner.settings import RunnerSettings
from tasks.model import Model


def laid_out(
    setup: Setup, settings: RunnerSettings, models: Sequence[Model], apis: Sequence[str]
) -> Iterator[Part]:
    """Every part, in the order of their start."""
    yield redis_part("queue")
    yield redis_part("cache")
    yield keeper_part(settings)
    for model in models:
        for number in range(1, setup.workers + 1):
            yield nth_worker(setup, settings, model, number)
    for name in apis:
        part = api_part(settings)
        yield replace(part, name=name, command=(*part.command[:-1], setup.api_app))


def nth_worker(setup: Setup, settings: RunnerSettings, model: Model, number: int) -> Part:
    """Worker ``number`` of a model, without a node: the harness injures it, and restarts it."""
    command = list(celery(setup.worker_app, model.queue, model.slots, settings.log_level))
    if number > 1:
        command[command.index("-n") + 1] = f"{model.queue}.{number}@%h"
    name = f"worker-{part_name(model.name)}-{number}"
    return Part(name, tuple(command), Stage.WORK, settle_s=10, stop_s=5)


def settings_of(setup: Setup, folder: Path, ports: list[int]) -> RunnerSettings:
    """The settings that the yard's parts read, as an object."""
    values = {name.lower(): value for name, value in setup.env}
    return RunnerSettings.model_validate(
        {
            **values,
            "queue_url": f"redis://127.0.0.1:{ports[2]}/0",
            "cache_url": f"redis://127.0.0.1:{ports[3]}/0",
            "data_dir": folder,
            "models_file": setup.models_file,
        }
    )
