"""Which files a model uses, and their hashes, kept over restarts. Real files, no model."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.worker.identity.encoders import write_encoder
from tests.worker.probe.asking import embed
from worker.identity.files import Hashes, Seen, look
from worker.probe.verdicts import identity


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    """A file of some bytes."""
    path = tmp_path / "weights"
    path.write_bytes(b"some bytes")
    return Seen("source", path, tuple(identity(path)))


@pytest.fixture
def hashes(tmp_path: Path) -> Hashes:
    """None known yet."""
    return Hashes(tmp_path / "probed")


def never() -> bool:
    """Go on."""
    return False


def test_an_encoder_is_three_files(tmp_path: Path) -> None:
    """The model's own, its tokenizer, and the one that its weights lie in."""
    model = write_encoder(tmp_path)
    found = {each.role: each.path.name for each in look(embed(model), ())}
    assert found == {"source": "model.onnx", "tokenizer": "tokenizer.json", "weights 0": "w.bin"}


def test_a_hash_is_that_of_the_bytes(seen: Seen, hashes: Hashes) -> None:
    """SHA-256, as everybody else computes it."""
    assert hashes.compute(seen, never) == hashlib.sha256(b"some bytes").hexdigest()


def test_a_file_that_was_hashed_is_known_after_a_restart(
    seen: Seen, hashes: Hashes, tmp_path: Path
) -> None:
    """Of another file nothing is known."""
    assert hashes.known(seen) is None
    computed = hashes.compute(seen, never)
    assert Hashes(tmp_path / "probed").known(seen) == computed


def test_a_file_that_was_written_to_is_not_known(seen: Seen, hashes: Hashes) -> None:
    """Though it lies in the same place and is as long as before."""
    hashes.compute(seen, never)
    stat = seen.path.stat()
    seen.path.write_bytes(b"SOME BYTES")
    os.utime(seen.path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert hashes.known(seen) is None
    assert not seen.same


def test_a_file_that_was_replaced_has_no_hash(seen: Seen, hashes: Hashes, tmp_path: Path) -> None:
    """What lies there now is not what was seen, and was perhaps never loaded."""
    other = tmp_path / "other"
    other.write_bytes(b"other bytes")
    other.replace(seen.path)
    assert hashes.compute(seen, never) is None
    assert hashes.known(seen) is None


def test_hashing_ends_when_the_process_does(seen: Seen, hashes: Hashes) -> None:
    """And half a hash is not kept."""
    assert hashes.compute(seen, lambda: True) is None
    assert hashes.known(seen) is None
