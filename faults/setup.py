"""What sets one yard apart from another: its models, its settings, which programs serve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

WORKER, API = "worker", "app:create_app()"


@dataclass(frozen=True, slots=True)
class Setup:
    """Rows with equal setups are played on one yard.

    ``models`` is a catalog beside this module; ``env`` are settings of all parts (without the
    prefix ``MILLRACE_``: they get it). ``workers`` is how many serve each model. ``worker_app`` and
    ``api_app`` are what Celery and gunicorn load: for controls, an entry in ``faults.controls``.
    """

    models: str = "lanes.toml"
    env: tuple[tuple[str, str], ...] = ()
    workers: int = 1
    worker_app: str = WORKER
    api_app: str = API

    @property
    def models_file(self) -> Path:
        """The catalog's file."""
        return Path(__file__).with_name(self.models)

    @property
    def variables(self) -> dict[str, str]:
        """``env`` as it is set."""
        return {f"MILLRACE_{name}": value for name, value in self.env}
