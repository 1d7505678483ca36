"""What only the web side reads from the environment."""

from __future__ import annotations

from pydantic import Field

from tasks.settings import QueueSettings


class ApiSettings(QueueSettings):
    """Settings of the API and the keeper."""

    api_host: str = Field("127.0.0.1", description="Address that the API listens on.")
    api_port: int = Field(8000, ge=1, le=65535, description="Port that the API listens on.")
    api_workers: int = Field(1, ge=1, description="API processes; one serves thousands of streams.")
    body_limit_bytes: int = Field(
        16 * 1024 * 1024, gt=0, description="Largest request body; beyond it 413."
    )
    ping_s: float = Field(
        5.0, gt=0, description="Silence after which a stream sends a comment to stay alive."
    )
    check_timeout_s: float = Field(
        5.0, gt=0, description="Longest wait for a worker to check a prompt or a form."
    )
    shutdown_s: float = Field(
        4.0, gt=0, description="How long open requests may finish when the API is stopped."
    )
