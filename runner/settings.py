"""What the runner reads from the environment and ``.env``, beyond what every process reads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, ValidationError

from console.address import api_url
from runner.errors import CannotStart
from tasks.front_door import Auth, why_not_both, why_not_key, why_not_listen
from tasks.settings import QueueSettings

PREFIX = "MILLRACE_"


class RunnerSettings(QueueSettings):
    """Which parts run here, and where they listen."""

    embed_redis: bool = Field(
        True, description="Start both Redis servers; false: use those that the URLs name."
    )
    queue_fsync: Literal["everysec", "always"] = Field(
        "everysec",
        description="everysec survives the death of the queue's Redis, always that of the machine.",
    )
    queue_maxmemory: str = Field(
        "1gb",
        pattern=r"^\d+(kb|mb|gb)?$",
        description="Memory of the queue's Redis; new work is refused before it is full. 0: no"
        " limit.",
    )
    cache_maxmemory: str = Field(
        "256mb", pattern=r"^\d+(kb|mb|gb)?$", description="Memory of the cache's Redis."
    )
    api_host: str = Field("127.0.0.1", description="Address that the API listens on.")
    api_port: int = Field(8000, ge=1, le=65535, description="Port that the API listens on.")

    auth: Auth = Field("auto", description="Whether the API asks for keys.")
    api_key: SecretStr | None = Field(None, description="An API key that everybody uses.")
    admin_key: SecretStr | None = Field(None, description="Key of the admin API.")

    shutdown_s: float = Field(
        4.0, ge=1, description="How long open requests may finish when the API is stopped."
    )

    @property
    def api_url(self) -> str:
        """The API's address for a client on this machine."""
        return api_url(self.api_host, self.api_port)


def read_settings() -> RunnerSettings:
    """The settings; ``CannotStart`` names the variable at fault."""
    try:
        return RunnerSettings()
    except ValidationError as error:
        faults = error.errors(include_input=False)  # an input may be a password
        lines = [f"{variable(str(fault['loc'][0]))}: {fault['msg']}" for fault in faults]
        raise CannotStart("\n".join(lines)) from None


def check_front_door(settings: RunnerSettings) -> None:
    """Raise ``CannotStart`` when the API could not listen, or not with these keys."""
    fixed = {"API_KEY": settings.api_key, "ADMIN_KEY": settings.admin_key}
    given = {name: key.get_secret_value() for name, key in fixed.items() if key is not None}
    faults = [why_not_key(f"{PREFIX}{name}", key) for name, key in given.items()]
    faults.append(why_not_listen(settings.api_host, auth=settings.auth, has_key=bool(given)))
    if len(given) == len(fixed):
        faults.append(why_not_both(*given.values()))
    if found := [fault for fault in faults if fault]:
        raise CannotStart("\n".join(found))


def variable(field: str) -> str:
    """The environment variable that sets ``field`` (an alias is one already)."""
    return field if field.isupper() else f"{PREFIX}{field.upper()}"
