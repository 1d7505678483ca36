"""``python -m worker``: a node; ``python -m worker serve MODEL``: one model, without one."""

from __future__ import annotations

from worker.command import app

app(prog_name="python -m worker")
