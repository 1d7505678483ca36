"""What only a node reads from the environment."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from pydantic import Field

from tasks.settings import QueueSettings

_UNITS = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "": 1}


class NodeSettings(QueueSettings):
    """Settings of a node; the processes that it starts inherit its environment."""

    node: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$",
        description="Name of this node, which no other may bear; left out, the host's name.",
    )
    node_memory: str = Field(
        "",
        pattern=r"^(\d+(kb|mb|gb)?)?$",
        description="Memory that the models of this node may take together; left out, 80% of what"
        " the machine has, or its container.",
    )
    node_gpu_memory: float = Field(
        0.9, gt=0, le=1, description="Share of each GPU's memory that the node's models may take."
    )
    node_stop_s: float = Field(
        4.0, gt=0, description="How long a worker that was told to end may take until it is killed."
    )
    node_pause_s: float = Field(
        1.0,
        ge=0,
        description="Pause before a worker that died before it was ready is started again; it"
        " doubles each time.",
    )
    node_longest_pause_s: float = Field(10.0, ge=0, description="The longest such pause.")

    @property
    def node_name(self) -> str:
        """Its name, as other nodes, files and Celery can be told it."""
        return self.node or re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:63]

    @property
    def stated_budget_bytes(self) -> int | None:
        """What the models may take, where it is stated."""
        found = re.fullmatch(r"(\d+)(kb|mb|gb)?", self.node_memory)
        return int(found[1]) * _UNITS[found[2] or ""] if found else None

    @property
    def log_folder(self) -> Path:
        """Where its workers write."""
        return self.data_dir / "log"

    @property
    def run_folder(self) -> Path:
        """Where its locks lie."""
        return self.data_dir / "run"
