"""Uploads: the parts of a form, its file written to disk as it arrives.

Neither the body nor the file is ever in memory as a whole, and other requests of the process are
served in between. What is not a file is short, and bounded.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from flask import request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
)
from werkzeug.wsgi import get_input_stream

from app.files.guarded import PIECE_BYTES, to_write
from app.openai.errors import BadRequest
from tasks.errors import TaskError

FILE = "file"
# The most that a field, the headers of a part, or what is around the parts may have; a piece of
# the file must fit as well.
PLAIN_BYTES = 4 * PIECE_BYTES
FIELD_BYTES = 64 * 1024
MOST_PARTS = 100
# What a body may have beside its file.
AROUND_BYTES = 1024 * 1024

# A client that is still sending cannot read our answer: its body is read and thrown away.
DISCARD_S = 60.0
# Data that is there already is read without waiting: others get their turn so often ...
TURN_BYTES = 1024 * 1024
# ... and a turn of none would not let the process look at its connections.
TURN_S = 0.001


class FileTooLarge(BadRequest):
    """Raised when a file has more bytes than its purpose allows."""

    status = 413

    def __init__(self, most_bytes: int, of: str = "A file") -> None:
        super().__init__(
            f"{of} may have {most_bytes} bytes at most. Upload it in several files.",
            param=FILE,
            code="file_too_large",
        )


@dataclass(slots=True)
class Form:
    """What arrived: the plain fields, and the file, which is at ``path``."""

    path: Path
    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    bytes: int = 0


def receive(path: Path, most_bytes: int) -> Form:
    """Read the request's form, its file to ``path``; ``BadRequest`` says what is wrong with it."""
    pieces = _pieces(get_input_stream(request.environ))
    try:
        if (request.content_length or 0) > most_bytes + AROUND_BYTES:
            raise FileTooLarge(most_bytes)
        return _Reception(path, most_bytes).read(_decoder(), pieces)
    except (BadRequest, TaskError):
        _discard(pieces)
        raise


class _Reception:
    """A form that is being received."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._form = Form(path)
        self._most_bytes = most_bytes
        self._out: BinaryIO | None = None
        self._name: str | None = None
        self._value = bytearray()

    def read(self, decoder: MultipartDecoder, pieces: Iterator[bytes]) -> Form:
        """The form, once all of it is here."""
        try:
            for event in _events(decoder, pieces):
                self._take(event)
        except RequestEntityTooLarge:
            raise BadRequest(
                f"The form has more than {MOST_PARTS} parts, or one beside {FILE!r} that is longer"
                f" than {FIELD_BYTES} bytes.",
            ) from None
        except ValueError:
            raise BadRequest(
                "The body cannot be read as multipart/form-data: a part has no proper headers, or"
                " the last boundary is missing.",
                param=FILE,
            ) from None
        finally:
            if self._out is not None:
                self._out.close()
        return self._form

    def _take(self, event: Event) -> None:
        match event:
            case File(name=name, filename=filename):
                self._begin_file(name, filename)
            case Field(name=name):
                self._begin_field(name)
            case Data(data=data, more_data=more) if self._name is None:
                self._add_to_file(data, more)
            case Data(data=data, more_data=more):
                self._add_to_field(self._name or "", data, more)

    def _begin_file(self, name: str | None, filename: str) -> None:
        if name != FILE:
            raise BadRequest(
                f"The part {name!r} is a file: the only one must be called {FILE!r}.", param=FILE
            )
        if self._form.filename is not None:
            raise BadRequest("There are several files: upload each by itself.", param=FILE)
        self._form.filename = filename
        self._out = to_write(str(self._form.path))
        self._name = None

    def _begin_field(self, name: str | None) -> None:
        if name is None:
            raise BadRequest("A part of the form has no name.")
        if name in self._form.fields:
            raise BadRequest(f"{name!r} is given several times.", param=name)
        self._name = name
        self._value.clear()

    def _add_to_file(self, data: bytes, more: bool) -> None:
        assert self._out is not None
        self._form.bytes += len(data)
        if self._form.bytes > self._most_bytes:
            raise FileTooLarge(self._most_bytes)
        self._out.write(data)
        if not more:
            self._out.close()

    def _add_to_field(self, name: str, data: bytes, more: bool) -> None:
        self._value += data
        if len(self._value) > FIELD_BYTES:
            raise BadRequest(f"{name!r} is longer than {FIELD_BYTES} bytes.", param=name)
        if not more:
            self._form.fields[name] = self._value.decode(errors="replace")


def _decoder() -> MultipartDecoder:
    kind, options = parse_options_header(request.content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary or not boundary.isascii():
        raise BadRequest(
            "Send the file as multipart/form-data with a boundary: the parts 'file' and 'purpose'.",
            param=FILE,
        )
    return MultipartDecoder(boundary.encode(), PLAIN_BYTES, max_parts=MOST_PARTS)


def _events(decoder: MultipartDecoder, pieces: Iterator[bytes]) -> Iterator[Event]:
    """What the decoder finds; ``ValueError`` when it is no form, or only the beginning of one."""
    for piece in pieces:
        decoder.receive_data(piece)
        while not isinstance(event := decoder.next_event(), NeedData):
            yield event
    decoder.receive_data(None)
    while not isinstance(event := decoder.next_event(), Epilogue):
        yield event


def _pieces(body: Any) -> Iterator[bytes]:
    """The body as it comes; ``ClientDisconnected`` when its client leaves, or garbles it."""
    left = TURN_BYTES
    while True:
        try:
            piece = body.read(PIECE_BYTES)
        except Exception as error:
            # Whatever the server's own reader raises: a lost connection, a chunk that is none.
            raise ClientDisconnected from error
        if not piece:
            return
        yield piece
        left -= len(piece)
        if left <= 0:
            time.sleep(TURN_S)
            left = TURN_BYTES


def _discard(pieces: Iterator[bytes]) -> None:
    give_up_at = time.monotonic() + DISCARD_S
    for _ in pieces:
        if time.monotonic() > give_up_at:
            return
