"""What only the inference side reads from the environment."""

from __future__ import annotations

from pydantic import Field

from tasks.settings import QueueSettings


class WorkerSettings(QueueSettings):
    """Settings of a model's worker process."""

    drain_s: float = Field(
        3.0, gt=0, description="Longest wait for the last tokens to be logged when draining."
    )
    publish_interval_ms: float = Field(
        8.0,
        ge=0,
        le=1000,
        description="Least time between two writes of tokens; faster ones travel together.",
    )
    load_retry_s: float = Field(
        5.0, ge=0, description="Pause of a worker whose model does not load before it exits."
    )
    fleet_node: str = Field(
        "", description="Set by a node for the workers that it keeps alive: its own name."
    )
    device: str = Field(
        "",
        description="Set by a node: the device that it chose for the model, cpu or cuda:<index>.",
    )
