"""A node, a placer and workers played by hand, and an operator with the key."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient

from tasks import hosts
from tasks.connection import now_ms
from tasks.fleet import Child, NodeReport, Offer, Placement, Seat
from tasks.gateway import Gateway
from tasks.model import Model
from tasks.roster import Report

KEY = "a-key-that-nobody-guesses"
BEARER = {"Authorization": f"Bearer {KEY}"}


class Operator:
    """Asks the admin API, with its key."""

    def __init__(self, http: FlaskClient) -> None:
        self.http = http

    def get(self, path: str) -> Any:
        """The JSON of an answer that must be 200."""
        response = self.http.get(f"/admin/{path}", headers=BEARER)
        assert response.status_code == 200, response.text
        return response.json

    def post(self, path: str, **body: Any) -> Any:
        """The answer."""
        return self.http.post(f"/admin/{path}", json=body, headers=BEARER)

    def load(self, model: Any, **body: Any) -> Any:
        """The answer to a load."""
        return self.post("models/load", model=model, **body)

    def unload(self, model: str, **body: Any) -> Any:
        """The answer to an unload."""
        return self.post("models/unload", model=model, **body)


class Box:
    """The node ``box``; each word of it, of its workers and of the placer is up to the test."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.fleet = gateway.fleet
        self.children: dict[str, Child] = {}
        self.offers: dict[str, Offer] = {}
        self.say()

    def now_ms(self) -> int:
        """Redis's clock."""
        return now_ms(self.fleet.redis)

    def say(self, **changes: Any) -> None:
        """Report."""
        given: dict[str, Any] = {
            "name": "box",
            "host": hosts.this_host(),
            "pid": os.getpid(),
            "born": hosts.born(os.getpid()) or 0,
            "expires_ms": self.now_ms() + 60_000,
            "started_ms": 1_000,
            "cores": 4,
            "memory_bytes": 8 << 30,
            "budget_bytes": 6 << 30,
            "engines": ("echo", "llama"),
            "offers": self.offers,
            "children": self.children,
        }
        self.fleet.report(NodeReport(**(given | changes)))

    def offer(self, model: Model, reason: str = "") -> None:
        """Say of a model that it can be served here, or why it cannot."""
        seats = () if reason else (Seat("cpu", 1 << 20),)
        self.offers[model.name] = Offer(model.fingerprint, seats, reason)
        self.say()

    def place(self, name: str, placement: Placement | None) -> None:
        """What the placer says of a model."""
        others = {k: v for k, v in self.fleet.placements().items() if k != name}
        self.fleet.place(others | ({name: placement} if placement else {}))

    def child(self, model: Model, state: str, **fields: Any) -> None:
        """The model's process under this node."""
        given: dict[str, Any] = {
            "model": model.name,
            "device": "cpu",
            "fingerprint": model.fingerprint,
            "since_ms": self.now_ms(),
        }
        self.children[model.name] = Child(**(given | {"state": state} | fields))
        self.say()

    def worker(self, model: Model, state: str = "ready", **fields: Any) -> None:
        """The model's worker, which this node keeps, reports."""
        given: dict[str, Any] = {
            "node": f"{model.queue}@box",
            "state": state,
            "pid": os.getpid(),
            "host": hosts.this_host(),
            "born": hosts.born(os.getpid()) or 0,
            "slots": model.slots,
            "context": model.context,
            "expires_ms": self.now_ms() + 60_000,
            "fleet_node": "box",
            "fingerprint": model.fingerprint,
            "since_ms": self.now_ms(),
        }
        self.gateway.roster.report(model.queue, "w", Report(**(given | fields)))

    def serve(self, model: Model) -> None:
        """The model is loaded here and ready."""
        self.child(model, "running")
        self.worker(model)
        self.place(model.name, Placement("placed", ("box",), loads=1))

    def end(self, model: Model) -> None:
        """The model's process is gone."""
        self.gateway.roster.retire(model.queue, "w")
        self.children.pop(model.name, None)
        self.say()
        self.place(model.name, Placement("unloaded"))


def after(delay_s: float, act: Callable[[], object]) -> threading.Thread:
    """Do it a little later, beside; joined by the test."""

    def run() -> None:
        time.sleep(delay_s)
        act()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def eventually(holds: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait until it holds."""
    give_up_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_at, "it never held"
        time.sleep(0.02)
