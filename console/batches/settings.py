"""Where the API is, by whose key it is asked, and what fits into one batch of it."""

from __future__ import annotations

import httpx2
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from console.address import api_url
from console.batches.faults import Unusable


class ServerSettings(BaseSettings):
    """What the client of an API reads. The limits are the server's own: they cut large files."""

    model_config = SettingsConfigDict(
        env_prefix="MILLRACE_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    url: str = Field(
        "",
        description="The API that `millrace batch` asks; left out, the one that API_HOST and"
        " API_PORT name.",
    )
    key: SecretStr | None = Field(
        None, description="The key that `millrace batch` shows; left out, OPENAI_API_KEY."
    )
    openai_api_key: SecretStr | None = Field(
        None,
        validation_alias="OPENAI_API_KEY",
        description="The key that `millrace batch` shows where MILLRACE_KEY is left out.",
    )
    api_key: SecretStr | None = Field(
        None, description="The key that the API of this machine asks for, if it has one."
    )
    api_host: str = Field("127.0.0.1", description="Address that the API listens on.")
    api_port: int = Field(8000, ge=1, le=65535, description="Port that the API listens on.")
    body_limit_bytes: int = Field(
        16 * 1024 * 1024, gt=0, description="Largest request body; beyond it 413."
    )
    batch_file_limit_bytes: int = Field(
        200 * 1024 * 1024, gt=0, description="Largest input file of a batch."
    )
    batch_max_lines: int = Field(50_000, gt=0, description="Most requests in one batch.")
    batch_max_inputs: int = Field(
        50_000, gt=0, description="Most inputs to embed in one batch, all its requests together."
    )

    @property
    def base_url(self) -> str:
        """The API's address without a path; clients of OpenAI write it with ``/v1``."""
        return based(self.url) if self.url else api_url(self.api_host, self.api_port)

    @property
    def bearer(self) -> str:
        """The key, '' for none."""
        # The API's own key is for itself alone: another address is not told it.
        own = None if self.url else self.api_key
        secret = self.key or own or self.openai_api_key
        return secret.get_secret_value() if secret else ""


def read_settings() -> ServerSettings:
    """The settings; ``Unusable`` names the variable at fault."""
    try:
        return ServerSettings()
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        field = str(fault["loc"][0])
        name = field if field.isupper() else f"MILLRACE_{field.upper()}"
        raise Unusable(f"{name} cannot be used: {fault['msg']}.") from None


def based(url: str) -> str:
    """``url`` without its last slash and ``/v1``; ``Unusable`` when it is none."""
    try:
        known = httpx2.URL(url)
    except httpx2.InvalidURL:
        known = httpx2.URL()
    if known.scheme not in ("http", "https") or not known.host:
        raise Unusable(f"{url} is no URL of an API: write http://HOST:PORT.")
    return url.rstrip("/").removesuffix("/v1").rstrip("/")
