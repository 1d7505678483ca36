"""What the cache said to a request: an answer, or what is left to compute and to keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.cache.inputs import CompletedAnswer, Inputs
from app.cache.recorder import Recorder
from app.framing import Frames
from app.rendering import Answer, Chunks
from tasks.errors import TaskError
from tasks.events import Event
from tasks.jobs import Job

Status = Literal["hit", "miss", "coalesced", "bypass"]

STATUS = "x-cache"
INPUTS = "x-cache-inputs"
AGE = "Age"


@dataclass(frozen=True, slots=True)
class Kept:
    """A whole answer as the events that it renders from, and how old it is."""

    events: Sequence[Event]
    age_s: float


@dataclass(frozen=True, slots=True)
class Sought:
    """``kept`` answers the request; without it ``job`` is what is left to compute.

    ``found`` is how many of its inputs are kept. ``share`` names the equal requests that may share
    the job; empty for none. ``inputs`` says how the job's vectors complete those that are kept, and
    ``recorder`` keeps what the job comes to.
    """

    status: Status
    job: Job
    kept: Kept | None = None
    found: int = 0
    share: str = ""
    inputs: Inputs | None = None
    recorder: Recorder | None = None

    def headers(self) -> dict[str, str]:
        """What the answer says of the cache."""
        said: dict[str, str] = {STATUS: self.status}
        if self.kept is not None:
            said[AGE] = str(max(int(self.kept.age_s), 0))
        elif self.found and self.inputs is not None:
            said[INPUTS] = f"{self.inputs.found}/{self.inputs.count}"
        return said

    def listening(self, answer: Answer) -> Answer:
        """``answer`` as it is fed with the events of ``job``."""
        if self.inputs is not None:
            answer = CompletedAnswer(self.inputs, answer)
        return answer if self.recorder is None else _HeardAnswer(self.recorder, answer)

    def listening_chunks(self, chunks: Chunks) -> Chunks:
        """``chunks`` as they are made of the events of ``job``."""
        return chunks if self.recorder is None else _HeardChunks(self.recorder, chunks)

    def listening_frames(self, frames: Frames) -> Frames:
        """``frames`` as they are told the events of ``job``."""
        return frames if self.recorder is None else _HeardFrames(self.recorder, frames)


class _HeardAnswer:
    def __init__(self, recorder: Recorder, answer: Answer) -> None:
        self._recorder = recorder
        self._answer = answer

    def add(self, event: Event) -> None:
        self._recorder.add(event)
        self._answer.add(event)

    def body(self) -> bytes:
        return self._answer.body()


class _HeardChunks:
    def __init__(self, recorder: Recorder, chunks: Chunks) -> None:
        self._recorder = recorder
        self._chunks = chunks

    def chunk(self, event: Event) -> bytes | None:
        self._recorder.add(event)
        return self._chunks.chunk(event)


class _HeardFrames:
    def __init__(self, recorder: Recorder, frames: Frames) -> None:
        self._recorder = recorder
        self._frames = frames

    def opening(self) -> bytes:
        return self._frames.opening()

    def event(self, seq: int, event: Event) -> bytes:
        self._recorder.add(event)
        return self._frames.event(seq, event)

    def restarting(self, job_id: str, seq: int) -> bytes:
        return self._frames.restarting(job_id, seq)

    def failed(self, error: TaskError) -> bytes:
        return self._frames.failed(error)
