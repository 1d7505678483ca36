"""What every process must agree on to meet at the same queue.

Read once, at a process's start, from the environment (prefix ``MILLRACE_``) and
``.env``; frozen; passed down from there. The defaults name the embedded Redis
servers of ``make run``, so that ``celery -A worker inspect ping`` works from any
shell in the checkout without a variable set.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class QueueSettings(BaseSettings):
    """The queue's addresses, names and times; base of every process's settings."""

    model_config = SettingsConfigDict(
        env_prefix="MILLRACE_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    queue_url: str = Field(
        "redis://127.0.0.1:6390/0",
        description="Redis for the queue, the ledger and the token logs (noeviction, AOF).",
    )
    cache_url: str = Field(
        "redis://127.0.0.1:6391/0",
        description="Redis for the result cache (allkeys-lru); may be gone at any time.",
    )
    key_prefix: str = Field("millrace", description="First part of every Redis key and channel.")
    models_file: Path = Field(Path("models.toml"), description="The catalog of models.")
    model_folders: str = Field(
        "",
        description="Folders, separated by colons, in which the files of models that are added at"
        " run time may lie; left out, the folder models in the data folder.",
    )
    data_dir: Path = Field(Path("data"), description="Folder of the queue's data and the logs.")
    log_level: str = Field("info", description="debug, info, warning or error.")
    log_format: str = Field("json", description="json for machines, console for people.")

    llama_model_path: Path | None = Field(
        None,
        validation_alias="LLAMA_MODEL_PATH",
        description="Shortcut: a GGUF file to serve as the chat model `llama-cpp`.",
    )
    onnx_embedding_model_path: Path | None = Field(
        None,
        validation_alias="ONNX_EMBEDDING_MODEL_PATH",
        description="Shortcut: an ONNX file, its tokenizer.json beside it, as `onnx-embedding`.",
    )
    engine_workers: int | None = Field(
        None,
        ge=1,
        le=256,
        validation_alias="ENGINE_WORKERS",
        description="Shortcut: slots of every model that does not state its own.",
    )

    lease_s: float = Field(
        6.0, gt=0, description="How long a worker's claim on a job holds without renewal."
    )
    lease_renew_s: float = Field(
        1.5, gt=0, description="How often a worker renews its leases and its own report."
    )
    listener_lease_s: float = Field(
        30.0, gt=0, description="How long a job outlives the API process that listened to it."
    )
    handover_s: float = Field(
        60.0,
        gt=0,
        description="How long a job whose API is stopped waits for its client to come back.",
    )
    reconcile_s: float = Field(1.0, gt=0, description="Time between two rounds of the reconciler.")
    job_ttl_s: int = Field(
        3600,
        gt=0,
        description="How long the result of a job that may be fetched later is kept: in the"
        " background, resumable, or with a webhook.",
    )
    answered_ttl_s: int = Field(
        600, gt=0, description="How long every other job's result and log are kept."
    )
    dead_letter_ttl_s: int = Field(604_800, gt=0, description="How long a dead letter is kept.")
    max_waiting: int = Field(
        1000, gt=0, description="Jobs that may wait for one model; beyond it 429."
    )
    memory_high: float = Field(
        0.85,
        gt=0,
        le=1,
        description="Share of the memory that the queue's Redis may use beyond which new work"
        " is refused with 503.",
    )
    max_strikes: int = Field(
        3,
        ge=3,
        description="Process deaths without progress after which a job is a dead letter. After"
        " two it runs alone, so that the third is its own.",
    )
    visibility_timeout_s: int = Field(
        3600, gt=0, description="After this long Celery redelivers a ticket that was not acked."
    )
    task_events: bool = Field(
        False,
        description="Workers send Celery's events of their own accord; else once a monitor asks"
        " them to, as Flower does.",
    )

    metrics_ports: str = Field(
        "",
        pattern=r"^(\d{1,5}-\d{1,5})?$",
        description="Range of ports, as 9100-9199, of which each process serves its own metrics on"
        " the first free one; left out, the API alone tells those of all.",
    )
    metrics_host: str = Field(
        "127.0.0.1", description="Address that processes serve their own metrics on."
    )

    @field_validator("metrics_ports")
    @classmethod
    def _is_a_range(cls, ports: str) -> str:
        first, _, last = ports.partition("-")
        if ports and not 1 <= int(first) <= int(last) <= 65535:
            raise ValueError("give the lower port first, and none above 65535, as in 9100-9199")
        return ports

    @property
    def allowed_folders(self) -> tuple[Path, ...]:
        """The folders of ``model_folders``, absolute."""
        named = [Path(name).expanduser() for name in self.model_folders.split(":") if name]
        return tuple(folder.absolute() for folder in named or [self.data_dir / "models"])

    @property
    def metrics_port_range(self) -> range:
        """The ports of ``metrics_ports``, in order; none where it is left out."""
        first, _, last = self.metrics_ports.partition("-")
        return range(int(first), int(last) + 1) if first else range(0)
