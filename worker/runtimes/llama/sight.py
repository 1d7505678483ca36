"""Pictures of a conversation: as ids in its prompt, ready to be fed, and as embeddings.

A picture's file becomes ids from its header alone. Its pixels are decoded by the handler whose job
it is, unless its embeddings are known already; encoding them is left to the engine's thread, when
the first position is fed. The embeddings of the pictures seen last are kept: who asks again about
one, or asks it of another slot, does not have it encoded again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path

import llama_cpp

from tasks.jobs import Message
from worker.runtimes import images
from worker.runtimes.base import Picture
from worker.runtimes.errors import DecodeFailed, InvalidPrompt
from worker.runtimes.llama.projector import Cut, Encoded, Projector, Words
from worker.runtimes.positions import MOST_PLACES, digest_of, key_of, piece_key, positions

KEPT_BYTES = 256 << 20
"""Embeddings that are kept: of 28 pictures, when each has 576 positions in 4,096 dimensions."""

_GREY = 64
"""Pixels of a side of the first picture."""


class Shown:
    """A ``Picture``: the file, and until all of it is encoded what its pixels were made into."""

    def __init__(self, digest: int, data: bytes, pieces: int) -> None:
        self._digest = digest
        self.data = data
        self.pieces = pieces
        self.cut: Cut | None = None

    @property
    def digest(self) -> int:
        """What its positions say of whose they are."""
        return self._digest


class Embeddings:
    """The pieces encoded last, up to ``most_bytes`` of them; for any thread."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Encoded] = OrderedDict()
        self._bytes = 0

    def find(self, key: int) -> Encoded | None:
        """A piece's embeddings, which count as used now."""
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
            return found

    def hold(self, keys: Iterable[int]) -> bool:
        """Whether all of these pieces are kept."""
        return all(self.find(key) is not None for key in keys)

    def add(self, key: int, encoded: Encoded) -> None:
        """Keep a piece, and let go of those unused the longest."""
        with self._lock:
            if (before := self._kept.pop(key, None)) is not None:
                self._bytes -= before.size_bytes
            self._kept[key] = encoded
            self._bytes += encoded.size_bytes
            while self._bytes > self._most_bytes:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= gone.size_bytes


class Sight:
    """What a model that sees makes of pictures.

    ``whole`` tells that all of a piece must be computed at once, ``uncut`` that a memory may not
    end within one.
    """

    def __init__(
        self, path: Path, model: llama_cpp.llama_model_p, *, threads: int, gpu: bool, most: int
    ) -> None:
        """As ``Projector``."""
        self._projector = Projector(path, model, threads=threads, gpu=gpu, most=most)
        self._embeddings = Embeddings()
        self.whole = self._projector.whole
        self.uncut = self._projector.whole or not self._projector.flat

    def ids(self, data: bytes) -> list[int]:
        """What the picture in the file ``data`` becomes in a prompt."""
        digest = digest_of(data)
        ids: list[int] = []
        piece = 0
        for part in self._projector.layout(*images.size(data)):
            if isinstance(part, Words):
                ids += part.tokens
                continue
            if part.count > MOST_PLACES:
                raise InvalidPrompt("An image is too large for this model: make it smaller.")
            ids += positions(digest, piece, part.count)
            piece += 1
        return ids

    def pictures(self, messages: Sequence[Message]) -> tuple[Picture, ...]:
        """The pictures in ``messages``, decoded where it takes that to encode them."""
        files = {digest_of(i.data): i.data for message in messages for i in message.images}
        return tuple(self._shown(digest, data) for digest, data in files.items())

    def encoded(self, picture: Picture, token: int) -> Encoded:
        """The embeddings of the piece that the position ``token`` belongs to.

        For the thread that computes. Raises ``DecodeFailed``.
        """
        assert isinstance(picture, Shown)
        key = key_of(token)
        if (found := self._embeddings.find(key)) is None:
            found = self._encoded(picture, key)
            self._embeddings.add(key, found)
        return found

    def warm_up(self) -> None:
        """Encode a grey picture, so that a build that crashes does it now."""
        cut = self._projector.cut(images.Pixels(_GREY, _GREY, bytes([128]) * (3 * _GREY * _GREY)))
        self._projector.encode(cut.pieces[0])

    def close(self) -> None:
        """Return the memory; nothing may be called afterwards."""
        self._projector.close()

    def _shown(self, digest: int, data: bytes) -> Shown:
        layout = self._projector.layout(*images.size(data))
        shown = Shown(digest, data, sum(not isinstance(part, Words) for part in layout))
        if not self._embeddings.hold(piece_key(digest, each) for each in range(shown.pieces)):
            shown.cut = self._projector.cut(images.pixels(data))
            if shown.cut.layout != layout:
                raise InvalidPrompt("An image is another one than its header says.")
        return shown

    def _encoded(self, picture: Shown, key: int) -> Encoded:
        number = key - piece_key(picture.digest, 0)
        if picture.cut is None:
            # It was kept when the job began, and is not any more.
            try:
                picture.cut = self._projector.cut(images.pixels(picture.data))
            except InvalidPrompt as error:
                raise DecodeFailed(str(error)) from error
        encoded = self._projector.encode(picture.cut.pieces[number])
        if number == picture.pieces - 1:
            picture.cut = None
        return encoded
