"""What only the web side reads from the environment."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from app.webhooks.signing import key_of
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
        4.0,
        ge=1,
        description="How long open requests may finish when the API is stopped; then streams end"
        " in a way that they can be resumed from.",
    )
    webhook_secret: SecretStr | None = Field(
        None,
        description="Key that webhooks are signed with, whsec_ and base64 (Standard Webhooks);"
        " without one no request may ask for a webhook.",
    )
    webhook_hosts: str = Field(
        "",
        description="Hosts that webhooks may go to although their addresses are not public,"
        " separated by commas; * for any.",
    )

    @field_validator("webhook_secret")
    @classmethod
    def _is_a_key(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            key_of(secret.get_secret_value())
        return secret

    @property
    def webhook_key(self) -> bytes | None:
        """The key behind ``webhook_secret``."""
        secret = self.webhook_secret
        return None if secret is None else key_of(secret.get_secret_value())
