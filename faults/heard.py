"""What a client that stayed connected must have heard: one whole text, each event once."""

from __future__ import annotations

from faults.audit import Counts, Expected
from faults.stream import Stream
from faults.wire import gapless


def undisturbed(stream: Stream, text: str, deaths: int = 0) -> Expected:
    """What the ledger must have of the stream's job: this text, and what the client heard."""
    return Expected(stream.job_id, deaths=deaths, heard=tuple(stream.events), text=text)


def require_whole(counts: Counts, stream: Stream, text: str) -> None:
    """Count it as broken unless the client heard exactly ``text``, in events 1..n, to the end."""
    counts.require(stream.whole, f"the stream ended with {stream.reader.error or stream.broken}")
    counts.require(stream.text == text, "the text is not that of an undisturbed run")
    counts.require(gapless(stream.events), "a gap or a repeat in the stream")
