"""Measures: what every process has counted, put together so that no total ever falls.

1. A process puts all that it has counted since its start into one hash, every few seconds
   (``tasks.measuring``). A scrape adds up what lies there, whichever process answers it.
2. When a process is gone, what it had put last is added to what others left (``fold``), in the
   script that takes it out of the hash: no reader finds it in neither place, or in both.
3. A process that was folded by mistake (it was frozen, or cut off from Redis) is told so by its
   next ``put``, and starts again as another one that has counted nothing yet.

What is counted adds up: counters, and the buckets of histograms. Gauges are those of the living
alone. A process that is killed takes with it what it counted since its last put.

Counts are added up as whole millionths. As floats, sums in another order differ in the last digit:
a total that falls by 1e-18 is to Prometheus a counter that began anew, and all of it counts again.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from tasks import hosts, scripts
from tasks.connection import Client
from tasks.keys import Keys
from tasks.settings import QueueSettings

Labels = tuple[tuple[str, str], ...]
"""Names and values, by name."""

Kind = Literal["counter", "gauge", "histogram"]

# Whose last put is older is not heard of: its gauges say nothing of now.
SILENT_S = 20.0
# From then on it is folded. A process of this machine is known to be gone at once.
GONE_S = 60.0


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One number of a family, with the name that it is written under."""

    name: str
    labels: Labels
    value: float


class Family(msgspec.Struct, frozen=True, array_like=True):
    """Samples that belong together, by the name that they share, and what they mean."""

    name: str
    kind: Kind
    help: str
    samples: tuple[Sample, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that a process has counted since its start.

    ``host``, ``pid`` and ``born`` name it (``tasks.hosts``). ``part`` is what it does, and
    ``address`` where it serves its own numbers; empty where it does not.
    """

    part: str
    host: str
    pid: int
    born: int
    families: tuple[Family, ...]
    address: str = ""

    @property
    def gone(self) -> bool:
        """Whether its process is known here to have ended."""
        return hosts.is_gone(self.host, self.pid, self.born)


@dataclass(frozen=True, slots=True)
class Put:
    """A snapshot as it lies in Redis: ``raw`` is the entry, ``age_s`` by Redis's clock."""

    process: str
    snapshot: Snapshot
    age_s: float
    raw: bytes

    @property
    def speaks(self) -> bool:
        """Whether its gauges are of now."""
        return self.age_s <= SILENT_S and not self.snapshot.gone

    @property
    def gone(self) -> bool:
        """Whether it may be folded."""
        return self.age_s > GONE_S or self.snapshot.gone


Totals = Mapping[str, Mapping[Labels, float]]
"""Every sample of the place: by its name, then by its labels."""

MILLION = 1_000_000

_past_key = msgspec.json.Encoder()
_snapshots = msgspec.msgpack.Decoder(Snapshot)
# What a family means lies beside its samples under this mark, which no JSON begins with.
_MEANING = b"#"


class Measures:
    """Reads and writes what all processes counted. Thread-safe, as its client is."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._redis = client
        self._keys = Keys(settings.key_prefix)
        self._put = scripts.load(client, "put_measures")
        self._fold = scripts.load(client, "fold_measures")

    def put(self, process: str, snapshot: Snapshot, *, first: bool = False) -> bool:
        """Say what a process has counted; False when it was folded since its last put.

        ``first``: it has put nothing before.
        """
        body = zlib.compress(msgspec.msgpack.encode(snapshot), 1)
        return bool(self._put([self._keys.measures], [process, int(first), body]))

    def fold(self, put: Put) -> bool:
        """Add a snapshot to the past and take it out; False when it was replaced since."""
        arguments: list[str | bytes] = [put.process, put.raw]
        for family in put.snapshot.families:
            if family.kind == "gauge":
                continue
            arguments += [_MEANING + family.name.encode(), _meaning(family)]
            for sample in family.samples:
                if millionths := _millionths(sample.value):
                    arguments += [_field(family, sample), str(millionths)]
        return bool(self._fold([self._keys.measures, self._keys.measures_past], arguments))

    def fold_gone(self) -> list[str]:
        """Fold the processes that are gone; their names. Any number of callers may."""
        puts, _ = self._read()
        return [put.process for put in puts if put.gone and self.fold(put)]

    def puts(self) -> list[Put]:
        """What lies there of each process, by its name."""
        return self._read()[0]

    def totals(self) -> Totals:
        """All samples of the place, added up."""
        return {
            name: dict(samples)
            for family in self.families()
            for name, samples in _by_name(family.samples).items()
        }

    def families(self) -> list[Family]:
        """All families of the place, added up over its processes, by name."""
        puts, past = self._read()
        listed = [
            family
            for put in puts
            for family in put.snapshot.families
            if put.speaks or family.kind != "gauge"
        ]
        return added_up([*listed, *past])

    def _read(self) -> tuple[list[Put], list[Family]]:
        # Together: between two readings one might be folded, and be in both or in neither.
        pipe = self._redis.pipeline(transaction=True)
        pipe.hgetall(self._keys.measures)
        pipe.hgetall(self._keys.measures_past)
        pipe.time()
        rows, past, (seconds, microseconds) = pipe.execute()
        now_ms = int(seconds) * 1000 + int(microseconds) // 1000
        found = [_put_of(process, raw, now_ms) for process, raw in sorted(rows.items())]
        return [put for put in found if put is not None], _past_of(past)


def added_up(families: Iterable[Family]) -> list[Family]:
    """Families of one name as one, their samples of the same labels added up; by name."""
    known: dict[str, Family] = {}
    sums: dict[str, dict[tuple[str, Labels], int]] = {}
    for family in families:
        known.setdefault(family.name, family)
        samples = sums.setdefault(family.name, {})
        for sample in family.samples:
            key = (sample.name, sample.labels)
            samples[key] = samples.get(key, 0) + _millionths(sample.value)
    return [
        msgspec.structs.replace(
            known[name],
            samples=tuple(Sample(*key, value / MILLION) for key, value in samples.items()),
        )
        for name, samples in sorted(sums.items())
    ]


def by_label(samples: Mapping[Labels, float], label: str) -> dict[str, float]:
    """The samples of one name added up by one label's value: tokens by model, say."""
    found: dict[str, float] = {}
    for labels, value in samples.items():
        key = dict(labels).get(label, "")
        found[key] = found.get(key, 0.0) + value
    return found


def _by_name(samples: Iterable[Sample]) -> dict[str, dict[Labels, float]]:
    found: dict[str, dict[Labels, float]] = {}
    for sample in samples:
        found.setdefault(sample.name, {})[sample.labels] = sample.value
    return found


def _put_of(process: bytes, raw: bytes, now_ms: int) -> Put | None:
    stamp, _, body = raw.partition(b" ")
    try:
        snapshot = _snapshots.decode(zlib.decompress(body))
        return Put(process.decode(), snapshot, (now_ms - int(stamp)) / 1000, raw)
    except (ValueError, zlib.error):
        return None  # of a release that writes it otherwise: its own processes add it up


def _millionths(value: float) -> int:
    # One number that is none must not hide all others.
    return round(value * MILLION) if math.isfinite(value) else 0


def _field(family: Family, sample: Sample) -> bytes:
    return _past_key.encode([family.name, sample.name, sample.labels])


def _meaning(family: Family) -> bytes:
    return _past_key.encode([family.kind, family.help])


def _past_of(rows: Mapping[bytes, bytes]) -> list[Family]:
    """The families of the past, without what another release wrote otherwise."""
    samples: dict[str, list[Sample]] = {}
    for field, value in rows.items():
        if not field.startswith(_MEANING) and (read := _past_sample(field, value)) is not None:
            family, sample = read
            samples.setdefault(family, []).append(sample)
    return [
        Family(name, *_meant(rows.get(_MEANING + name.encode())), tuple(listed))
        for name, listed in samples.items()
    ]


def _past_sample(field: bytes, value: bytes) -> tuple[str, Sample] | None:
    try:
        family, name, labels = msgspec.json.decode(field, type=tuple[str, str, Labels])
        return family, Sample(name, labels, int(value) / MILLION)
    except ValueError:
        return None


def _meant(meaning: bytes | None) -> tuple[Kind, str]:
    try:
        if meaning is not None:
            return msgspec.json.decode(meaning, type=tuple[Kind, str])
    except ValueError:
        pass
    return "counter", ""
