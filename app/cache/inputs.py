"""Embeddings of which some are kept: what is left to compute, and the answer to all of it.

Only the missing inputs make a job, each of them once; its events speak of its own inputs, and are
told here as those of the whole request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from app.cache.entries import Vector
from app.rendering import Answer
from tasks.events import Done, Event, Failed, Usage, Vectors
from tasks.jobs import EmbedJob

_INPUT = re.compile(r"input\[(\d+)\]")


class Inputs:
    """The inputs of one request by their fingerprints, and those vectors that are kept."""

    def __init__(self, job: EmbedJob, prints: Sequence[str], kept: Mapping[str, Vector]) -> None:
        self.job = job
        self.kept = kept
        self._prints = prints
        # Where each missing input stands in the request: the first place is what is computed.
        self._places: dict[str, list[int]] = {}
        for place, each in enumerate(prints):
            if each not in kept:
                self._places.setdefault(each, []).append(place)

    @property
    def found(self) -> int:
        """How many of the request's inputs are kept."""
        return len(self._prints) - sum(map(len, self._places.values()))

    @property
    def missing(self) -> Sequence[str]:
        """The fingerprints of what is left to compute, in the order of ``rest``."""
        return list(self._places)

    @property
    def rest(self) -> EmbedJob:
        """The job of what is left to compute, under the request's own id."""
        if len(self._places) == len(self._prints):
            return self.job
        first = [places[0] for places in self._places.values()]
        job = self.job
        return replace(
            job,
            texts=tuple(job.texts[place] for place in first) if job.texts else (),
            tokens=tuple(job.tokens[place] for place in first) if job.tokens else (),
        )

    @property
    def count(self) -> int:
        """How many inputs the request has."""
        return len(self._prints)

    def complete(self) -> list[Event]:
        """The whole answer's events, of a request of which every input is kept."""
        return [*self.events(), Done(Usage(self.tokens_kept()))]

    def events(self) -> list[Event]:
        """What the answer is told of the vectors that are kept, and of them alone."""
        told: list[Event] = []
        for place, each in enumerate(self._prints):
            if (vector := self.kept.get(each)) is not None:
                told.append(Vectors(place, vector.dimensions, vector.data, (vector.tokens,)))
        return told

    def tokens_kept(self) -> int:
        """How many tokens the inputs have whose vectors are kept, each time that they occur."""
        vectors = map(self.kept.get, self._prints)
        return sum(vector.tokens for vector in vectors if vector is not None)

    def places(self) -> list[list[int]]:
        """Where each input of ``rest`` stands in the request."""
        return list(self._places.values())


class CompletedAnswer:
    """The answer to all inputs, from the events of a job that computes the ``rest`` of them."""

    def __init__(self, inputs: Inputs, whole: Answer) -> None:
        """``whole`` writes the request's answer."""
        self._whole = whole
        self._places = inputs.places()
        self._again_tokens = inputs.tokens_kept()
        for event in inputs.events():
            whole.add(event)

    def add(self, event: Event) -> None:
        """Take the next event of the job; raises the error that a ``Failed`` carries."""
        match event:
            case Vectors():
                self._spread(event)
            case Done():
                tokens = event.usage.prompt_tokens + self._again_tokens
                self._whole.add(replace(event, usage=Usage(tokens)))
            case Failed():
                self._whole.add(self._of_the_request(event))
            case _:
                self._whole.add(event)

    def body(self) -> bytes:
        """The whole answer; only after ``Done``."""
        return self._whole.body()

    def _spread(self, vectors: Vectors) -> None:
        size = 4 * vectors.dimensions
        for row, at in enumerate(range(0, len(vectors.data), size)):
            places = self._places[vectors.start + row]
            data = vectors.data[at : at + size]
            for place in places:
                self._whole.add(Vectors(place, vectors.dimensions, data))
            if vectors.tokens:
                # The job counted it once, as it computed it.
                self._again_tokens += (len(places) - 1) * vectors.tokens[row]

    def _of_the_request(self, failed: Failed) -> Failed:
        """A refusal names the input by its place in the request, not in the job."""
        named = _INPUT.fullmatch(failed.param or "")
        if named is None or int(named[1]) >= len(self._places):
            return failed
        place = self._places[int(named[1])][0]
        message = failed.message.replace(f"Input {named[1]} ", f"Input {place} ", 1)
        return replace(failed, message=message, param=f"input[{place}]")
