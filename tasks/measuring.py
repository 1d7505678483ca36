"""Measuring: one process's registry of metrics, put where all processes' measures lie.

Whatever counts, counts into a registry of ``prometheus_client`` and knows nothing of Redis. A
thread reads the registry every other second and puts it (``tasks.measures``); with a range of
ports set, it is served to a Prometheus that asks each process by itself, too.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Mapping
from typing import cast

import msgspec
import redis
from prometheus_client import CollectorRegistry

from tasks import hosts
from tasks.connection import Client
from tasks.measures import Family, Kind, Labels, Measures, Sample, Snapshot
from tasks.metrics_port import serve
from tasks.settings import QueueSettings

log = logging.getLogger(__name__)

PREFIX = "millrace_"
PUT_S = 2.0
# A process that counts nothing says that it lives, well before it would be taken for silent.
UNCHANGED_S = 6.0
CLOSE_S = 2.0

_KINDS = {"counter", "gauge", "histogram"}
# Shares of something: those of several processes do not add up. Whoever shows the place makes them
# of the sums.
_RATIO = "_ratio"
# When a series began, which nobody asks for.
_CREATED = "_created"


class Reporter:
    """Puts one registry, until closed. ``part`` is what the process is called in a list of them."""

    def __init__(
        self, client: Client, settings: QueueSettings, registry: CollectorRegistry, part: str
    ) -> None:
        self._measures = Measures(client, settings)
        self._settings = settings
        self._registry = registry
        self._part = part
        self._name = ""
        self._address = ""
        self._last: tuple[Family, ...] | None = None
        self._before: Mapping[tuple[str, Labels], float] = {}
        self._put_at = 0.0
        self._turn = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="measures", daemon=True)

    def start(self) -> None:
        """Begin to put, and to serve where a port is set."""
        self._address = serve(self._registry, self._settings)
        self._thread.start()

    def put(self) -> None:
        """Put what has been counted up to now; raises ``redis.RedisError``."""
        with self._turn:
            self._put(families_of(self._registry))

    def close(self) -> None:
        """Put for the last time, and leave it to the past; this process counts no more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)
        try:
            self.put()
            for put in self._measures.puts():
                if put.process == self._name:
                    self._measures.fold(put)
        except redis.RedisError:
            log.info("the last measures are not put: Redis does not answer")

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                with self._turn:
                    families = families_of(self._registry)
                    if families != self._last or time.monotonic() - self._put_at >= UNCHANGED_S:
                        self._put(families)
            except redis.RedisError as error:
                log.info("measures are not put: %s", type(error).__name__)
            except Exception:  # a fault in counting must not end it, nor anything else
                log.exception("measures are not put")
            self._closed.wait(PUT_S)

    def _put(self, families: tuple[Family, ...]) -> None:
        if not self._name:
            self._name = f"{self._part}#{os.getpid()}.{uuid.uuid4().hex[:8]}"
        if not self._measures.put(self._name, self._snapshot(families), first=self._last is None):
            # Taken for gone: what it had put last is counted already, and all since then is new.
            self._before = _counted(self._last or ())
            self._name = f"{self._part}#{os.getpid()}.{uuid.uuid4().hex[:8]}"
            self._measures.put(self._name, self._snapshot(families), first=True)
        self._last, self._put_at = families, time.monotonic()

    def _snapshot(self, families: tuple[Family, ...]) -> Snapshot:
        return Snapshot(
            part=self._part,
            host=hosts.this_host(),
            pid=os.getpid(),
            born=hosts.born(os.getpid()) or 0,
            families=tuple(_since(family, self._before) for family in families),
            address=self._address,
        )


def families_of(registry: CollectorRegistry) -> tuple[Family, ...]:
    """What a registry holds of ours, as it travels."""
    found = []
    for metric in registry.collect():
        if not metric.name.startswith(PREFIX) or metric.name.endswith(_RATIO):
            continue
        if metric.type not in _KINDS:
            continue
        samples = tuple(
            Sample(each.name, tuple(sorted(each.labels.items())), float(each.value))
            for each in metric.samples
            if not each.name.endswith(_CREATED)
        )
        found.append(Family(metric.name, cast(Kind, metric.type), metric.documentation, samples))
    return tuple(found)


def _counted(families: tuple[Family, ...]) -> dict[tuple[str, Labels], float]:
    return {
        (sample.name, sample.labels): sample.value
        for family in families
        if family.kind != "gauge"
        for sample in family.samples
    }


def _since(family: Family, before: Mapping[tuple[str, Labels], float]) -> Family:
    if not before or family.kind == "gauge":
        return family
    samples = tuple(
        Sample(each.name, each.labels, each.value - before.get((each.name, each.labels), 0.0))
        for each in family.samples
    )
    return msgspec.structs.replace(family, samples=samples)
