"""The file beside the output that says which parts of FILE are submitted: what a second call reads.

It is written anew, under another name, whenever something is about to happen or has happened, and
goes when the output is there. It holds ids and numbers, no texts and no key.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import msgspec

from console.batches.asking import Ask
from console.batches.faults import Ended, Unusable
from console.batches.parts import Part

VERSION = 1


class _Record(msgspec.Struct, kw_only=True):
    """What is remembered. ``run`` is in the metadata of each batch, so that it is found again."""

    version: int = VERSION
    run: str
    made_at: int
    url: str
    ask: Ask
    number_bytes: int
    changed_ns: int
    parts: list[Part]


class Memory:
    """The parts of one FILE, asked for in one way, and what has become of them."""

    def __init__(self, path: Path, record: _Record) -> None:
        self.path = path
        self._record = record

    @property
    def ask(self) -> Ask:
        """What is asked of each row."""
        return self._record.ask

    @property
    def run(self) -> str:
        """What its batches have in common."""
        return self._record.run

    @property
    def made_at(self) -> int:
        """When the first call was, in seconds since the epoch."""
        return self._record.made_at

    @property
    def parts(self) -> list[Part]:
        """All of them, in FILE's order."""
        return self._record.parts

    @property
    def rows(self) -> int:
        """The rows of FILE."""
        return sum(part.rows for part in self.parts)

    @property
    def batch_ids(self) -> list[str]:
        """The batches that are made."""
        return [each for part in self.parts for each in (part.batch_id, part.mending_id) if each]

    def change(self, number: int, **fields: Any) -> Part:
        """Remember something of a part; it is on disk when this returns."""
        changed = msgspec.structs.replace(self.parts[number], **fields)
        self.parts[number] = changed
        self.save()
        return changed

    def save(self) -> None:
        """Write it whole, or not at all."""
        growing = self.path.with_name(f"{self.path.name}.new")
        growing.write_bytes(msgspec.json.format(msgspec.json.encode(self._record)))
        growing.replace(self.path)

    def forget(self) -> None:
        """The output is there: a further call begins anew."""
        self.path.unlink(missing_ok=True)


def memory_beside(output: Path) -> Path:
    """Where the memory of this output lies."""
    return output.with_name(f"{output.name}.batches.json")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Have the memory to oneself; ``Ended`` while another command has it."""
    if not path.parent.is_dir():  # the lock would make it
        raise Unusable(f"{path} cannot be written: there is no folder {path.parent}.")
    lock = filelock.FileLock(path.with_suffix(".lock"), timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise Ended(f"Another command is working with {path}.") from None
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()
        path.with_suffix(".lock").unlink(missing_ok=True)


def recalled(path: Path, ask: Ask, url: str) -> Memory | None:
    """The memory of an earlier call, None where there was none; ``Ended`` for one of others."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=_Record)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise Unusable(f"{path} is not readable as what an earlier call left: {error}.") from error
    way_out = f"Name another --output, or remove {path} to begin anew"
    if record.url != url:
        raise Ended(f"The batches in {path} are at {record.url}, not {url}. {way_out}.")
    if not record.ask.asks_the_same(ask):
        raise Ended(f"An earlier call for this output asked for something else. {way_out}.")
    if (record.number_bytes, record.changed_ns) != _state_of(Path(ask.file)):
        raise Ended(f"{ask.file} has changed since it was submitted. {way_out}.")
    record.ask = msgspec.structs.replace(record.ask, file=ask.file)
    return Memory(path, record)


def begun(path: Path, ask: Ask, url: str, cut: Callable[[], list[Part]]) -> Memory:
    """The memory of a first call."""
    number_bytes, changed_ns = _state_of(Path(ask.file))
    record = _Record(
        run=secrets.token_hex(8),
        made_at=int(time.time()),
        url=url,
        ask=ask,
        number_bytes=number_bytes,
        changed_ns=changed_ns,
        parts=cut(),
    )
    memory = Memory(path, record)
    try:
        memory.save()
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror}.") from error
    return memory


def _state_of(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
