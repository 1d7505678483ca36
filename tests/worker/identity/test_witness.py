"""What a worker says of what it serves: real Redis, real files, no model."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tasks.connection import Client
from tasks.identities import Identities
from tasks.model import Model
from tasks.settings import QueueSettings
from tests.worker.identity.encoders import write_encoder
from tests.worker.probe import tiny_onnx
from tests.worker.probe.asking import Place, embed
from worker.identity import witness as witness_module
from worker.identity.files import Hashes
from worker.identity.witness import Witness, digest_of


@pytest.fixture
def identities(client: Client, settings: QueueSettings) -> Iterator[Identities]:
    """Of a deployment where nothing was said yet."""
    found = Identities(client, settings)
    yield found
    client.delete(found._key)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """An encoder that lies on the disk."""
    return embed(write_encoder(tmp_path))


@pytest.fixture
def start(tmp_path: Path, identities: Identities) -> Iterator[Callable[[Model], Witness]]:
    """A worker that has looked, loaded and begun; all of them end with the test."""
    begun: list[Witness] = []

    def begin(model: Model) -> Witness:
        witness = Witness(model, Place(tmp_path), identities)
        witness.look()
        begun.append(witness)
        witness.begin()
        return witness

    yield begin
    for witness in begun:
        witness.close()


def wait_for(condition: Callable[[], Any]) -> None:
    """Until the condition holds."""
    give_up_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def known(witness: Witness) -> str:
    """The digest, once there is one."""
    wait_for(lambda: witness.digest)
    return witness.digest


Start = Callable[[Model], Witness]


def test_it_is_said_once_it_is_known(start: Start, model: Model, identities: Identities) -> None:
    """For the definition at hand, without anybody asking."""
    digest = known(start(model))
    wait_for(lambda: identities.of([model]) == {"m": digest})


def test_an_echo_is_known_at_once(start: Start) -> None:
    """It has no file that would have to be read."""
    assert start(Model(name="m", kind="chat", source="echo:")).digest


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "w.bin"])
def test_other_bytes_are_another_identity(
    start: Start, model: Model, tmp_path: Path, name: str
) -> None:
    """Whichever of the files they are in, and though the definition stays the same."""
    before = known(start(model))
    path = tmp_path / name
    path.write_bytes(path.read_bytes() + tiny_onnx.field(2, "whoever made it"))
    assert known(start(model)) != before


def test_a_file_that_was_only_touched_keeps_its_identity(
    start: Start, model: Model, tmp_path: Path
) -> None:
    """It is hashed again, and comes out the same."""
    before = known(start(model))
    os.utime(tmp_path / "model.onnx", ns=(1, 1))
    assert known(start(model)) == before


@pytest.mark.parametrize(
    ("change", "same"),
    [({"aliases": ("other",)}, True), ({"replicas": 2}, True), ({"context": 128}, False)],
)
def test_only_what_is_computed_differently_is_another_identity(
    model: Model, change: dict[str, Any], same: bool
) -> None:
    """An alias and a number of workers change no answer."""
    changed = msgspec.structs.replace(model, **change)
    digests = {digest_of(each, [("source", "00")], "1") for each in (model, changed)}
    assert (len(digests) == 1) == same


def test_another_release_of_the_engine_is_another_identity(model: Model) -> None:
    """Also with the same file and the same definition."""
    assert digest_of(model, [], "onnxruntime 1") != digest_of(model, [], "onnxruntime 2")


def test_a_restart_does_not_hash_again(
    start: Start, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same is known, at once."""
    before = known(start(model))
    monkeypatch.setattr(Hashes, "compute", lambda *_: pytest.fail("hashed again"))
    assert start(model).digest == before


def test_a_file_replaced_while_it_was_loaded_is_not_said(
    model: Model, tmp_path: Path, identities: Identities
) -> None:
    """Which of the two is served nobody knows; after a restart it is known again."""
    witness = Witness(model, Place(tmp_path), identities)
    witness.look()
    other = tmp_path / "new.bin"
    other.write_bytes((tmp_path / "w.bin").read_bytes()[::-1])
    other.replace(tmp_path / "w.bin")
    witness.begin()
    witness._thread.join(10)
    witness.close()
    assert (witness.digest, identities.of([model])) == ("", {})


def test_what_redis_lost_is_said_again(
    start: Start,
    model: Model,
    identities: Identities,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a while, as long as the process lives."""
    monkeypatch.setattr(witness_module, "SAY_EVERY_S", 0.05)
    known(start(model))
    wait_for(lambda: identities.of([model]))
    client.delete(identities._key)
    wait_for(lambda: identities.of([model]))


def test_a_process_that_ends_says_nothing_more(start: Start, model: Model) -> None:
    """Its thread is gone."""
    before = set(threading.enumerate())
    witness = start(model)
    witness.close()
    left = set(threading.enumerate()) - before
    assert "identity" not in {thread.name for thread in left}
