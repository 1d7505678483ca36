"""Event-stream bytes: pure."""

from __future__ import annotations

DONE = b"data: [DONE]\n\n"
PING = b": ping\n"
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    # A proxy that buffers or compresses would turn a stream into a late whole.
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


def event(seq: int, data: bytes) -> bytes:
    """One event with the job's sequence number as its id; ``data`` is one line of JSON."""
    return b"id: %d\ndata: %b\n\n" % (seq, data)


def named(name: str, data: bytes, seq: int | None) -> bytes:
    """One event with a name; with its number as its id, where it has one to be asked for by."""
    head = b"" if seq is None else b"id: %d\n" % seq
    return head + b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def data(line: bytes) -> bytes:
    """An event that is not of the job's log, and has no number."""
    return b"data: %b\n\n" % line


def comment(text: str) -> bytes:
    """A comment: clients ignore it, proxies see life.

    No empty line behind it: OpenAI's client takes that for the end of an event once it has seen an
    id, and fails on its empty data.
    """
    return b": %b\n" % text.replace("\n", " ").encode()
