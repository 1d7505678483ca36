"""What only the web side reads from the environment."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from app.origins import origins_of
from app.webhooks.signing import key_of
from tasks.front_door import Auth, why_not_both, why_not_key
from tasks.settings import QueueSettings


class ApiSettings(QueueSettings):
    """Settings of the API and the keeper."""

    # An error at the start names the variable; what it holds may be a key.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    api_host: str = Field("127.0.0.1", description="Address that the API listens on.")
    api_port: int = Field(8000, ge=1, le=65535, description="Port that the API listens on.")
    api_workers: int = Field(1, ge=1, description="API processes; one serves thousands of streams.")
    body_limit_bytes: int = Field(
        16 * 1024 * 1024, gt=0, description="Largest request body; beyond it 413."
    )
    request_head_s: float = Field(
        10.0, gt=0, description="Longest time that a request's headers may take to come."
    )
    request_body_s: float = Field(
        30.0,
        gt=0,
        description="Longest time that a request's body may take to come, beside a second for every"
        " 10,000 bytes of it.",
    )
    ping_s: float = Field(
        5.0, gt=0, description="Silence after which a stream sends a comment to stay alive."
    )
    live_sockets: int = Field(
        200, ge=0, description="Most watchers of the live view (/live) at once, per API process."
    )
    socket_answers: int = Field(
        16, ge=1, description="Most answers that are open at once on one WebSocket."
    )
    socket_ping_s: float = Field(
        20.0,
        gt=0,
        description="Time between two pings of a WebSocket; who answers none of them, or takes no"
        " message for so long, is disconnected.",
    )
    socket_idle_s: float = Field(
        600.0,
        gt=0,
        description="After how long a WebSocket on which nothing is asked and nothing open is"
        " closed.",
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

    admin_key: SecretStr | None = Field(
        None,
        description="Key of the admin API, at least 16 characters; without one there is no admin"
        " API, and the command line does the same.",
    )
    api_key: SecretStr | None = Field(
        None,
        description="An API key that everybody uses, at least 16 characters, of the owner local;"
        " `millrace keys create` makes others.",
    )
    auth: Auth = Field(
        "auto",
        description="auto: an API key is asked for as soon as the API listens beyond the loopback"
        " address, MILLRACE_API_KEY is set, or a key was made; open: never.",
    )
    cors_origins: str = Field(
        "",
        description="Origins of web pages that may use the API from a browser, separated by"
        " commas; * for any.",
    )

    turn_s: float = Field(
        10.0,
        gt=0,
        description="How long a loaded model keeps its place when others that jobs wait for need"
        " the room.",
    )

    image_fetch: Literal["off", "https"] = Field(
        "off",
        description="https: images behind https URLs of public hosts are fetched for chats; off:"
        " only data URLs are read.",
    )
    image_hosts: str = Field(
        "",
        description="Hosts that images may be fetched from although their addresses are not"
        " public, separated by commas; * for any.",
    )
    image_limit_bytes: int = Field(
        8 * 1024 * 1024, gt=0, description="Largest image file in a chat."
    )
    image_limit_pixels: int = Field(
        16_000_000, gt=0, description="Most pixels of an image in a chat, by its header."
    )
    image_limit_side: int = Field(
        16_384, gt=0, description="Longest side of an image in a chat, in pixels."
    )
    image_limit_count: int = Field(8, ge=1, description="Most images in one chat request.")

    cache: Literal["off", "deterministic", "all"] = Field(
        "deterministic",
        description="Which answers are kept and given again to equal requests: those with"
        " temperature 0 or a seed (and all embeddings), all, or none.",
    )
    cache_ttl_s: int = Field(
        86_400, gt=0, description="How long an answer is kept in the cache at most."
    )
    cache_entry_bytes: int = Field(
        1024 * 1024, gt=0, description="Largest answer that is kept in the cache."
    )

    files_url: str = Field(
        "",
        description="Where files and the results of batches are stored: a folder, or an URL such"
        " as s3://bucket/folder; left out, the folder files in the data folder.",
    )
    file_limit_bytes: int = Field(
        512 * 1024 * 1024, gt=0, description="Largest file that may be uploaded."
    )
    batch_file_limit_bytes: int = Field(
        200 * 1024 * 1024, gt=0, description="Largest input file of a batch."
    )
    batch_max_lines: int = Field(50_000, gt=0, description="Most requests in one batch.")
    batch_max_inputs: int = Field(
        50_000, gt=0, description="Most inputs to embed in one batch, all its requests together."
    )
    batch_ttl_s: int = Field(
        2_592_000,
        ge=3_600,
        description="How long a batch that has ended is remembered, and how long its files are"
        " kept (30 days) unless they say otherwise.",
    )

    @field_validator("admin_key", "api_key")
    @classmethod
    def _is_hard_to_guess(cls, key: SecretStr | None, about: ValidationInfo) -> SecretStr | None:
        if key is not None:
            variable = f"MILLRACE_{str(about.field_name).upper()}"
            if fault := why_not_key(variable, key.get_secret_value()):
                raise ValueError(fault)
        return key

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: str) -> str:
        origins_of(origins)
        return origins

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        if self.api_key is not None and self.admin_key is not None:
            both = (self.api_key.get_secret_value(), self.admin_key.get_secret_value())
            if fault := why_not_both(*both):
                raise ValueError(fault)
        return self

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
