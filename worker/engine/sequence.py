"""One choice of a request, and where it is."""

from __future__ import annotations

import time
from collections.abc import Sequence as List
from dataclasses import dataclass

from tasks.events import Finished, Token, TokenLogprob
from worker.engine.constraint import Read, Reader
from worker.engine.guess import Lookup
from worker.engine.request import Request, Resume
from worker.engine.text import Piece, TextStream
from worker.runtimes.base import ChatRuntime, Sampled, Scored

Told = List[Token | Finished]


@dataclass(slots=True)
class Clock:
    """When things happened to a sequence, on the clock of ``time.monotonic``; 0 for not yet."""

    began_s: float = 0.0
    first_s: float = 0.0
    last_s: float = 0.0


class Sequence:
    """One choice on its way: tokens still to feed, tokens drawn, text held back.

    1. Made when its request is submitted; waits for a slot.
    2. ``enter`` takes the slot, whose memory holds the first ``cached`` tokens; ``pending`` is the
       rest of the prompt, and of what an earlier attempt drew.
    3. ``fed`` tells that pending tokens were computed, ``take`` brings each token drawn; both say
       what to tell. ``finished`` ends it.
    """

    def __init__(self, request: Request, index: int, context: int) -> None:
        self.request = request
        self.index = index
        self.slot = -1
        self.finished: Finished | None = None
        self.cached = 0
        self.clock = Clock()
        self.guessed = 0
        self.guesses_held = 0
        self.prompt = request.prompts[index // request.n]
        resumed = request.resume.get(index)
        self.resumed = resumed or Resume()
        self._echoes = request.echo is not None and resumed is None
        self.limit = context - len(self.prompt)
        if request.max_tokens is not None:
            self.limit = min(request.max_tokens, self.limit)
        self.drawn = len(self.resumed.ids)
        self.known: list[int] = [*self.prompt, *self.resumed.ids]
        self.pending: List[int] = self.known
        self.constraint = request.constrain() if request.constrain else None
        self._reader: Reader | None = request.read() if request.read else None
        self._lookup: Lookup | None = None
        self._text = TextStream(request.stop)
        self._untold: list[int] = []
        self._scores: list[Scored] = []

    @property
    def scoring(self) -> bool:
        """Whether the tokens still to feed are a prompt whose own likelihood is wanted."""
        return self._echoes and self.request.scored

    @property
    def begun(self) -> bool:
        """Whether it has a slot."""
        return self.slot >= 0

    @property
    def uncached(self) -> int:
        """How many tokens had to be computed before the first could be drawn."""
        return len(self.known) - self.cached

    @property
    def generating(self) -> bool:
        """Whether its prompt is computed and one token after the other is drawn."""
        return self.clock.first_s > 0

    def enter(self, runtime: ChatRuntime, slot: int, cached: int) -> None:
        """Take ``slot``: a sampler of its own, which has seen what was drawn before."""
        request = self.request
        ids = self.resumed.ids
        runtime.open(
            slot,
            request.sampling,
            ids,
            seed=request.seed + self.index,
            top_logprobs=request.top_logprobs,
            ban_end=request.ignore_eos,
            pictures=request.pictures,
        )
        self.slot = slot
        self.cached = cached
        self.pending = self.known[cached:]
        self.clock.began_s = time.monotonic()
        for token in ids:
            if self.constraint is not None:
                self.constraint.accept(token)
            if (piece := self._text.push(token, runtime.piece(token))) is not None:
                self._read(piece.text)
        if runtime.guesses and self.constraint is None:
            self._lookup = Lookup(self.known)

    def ended_before(self) -> Told:
        """The end, when what an earlier attempt drew is the whole answer already."""
        if self.constraint is not None and self.resumed.ids and self.constraint.complete:
            return self._end("stop", self._text.flush())
        if self.drawn >= self.limit > 0:
            return self._end("length", self._text.flush())
        return []

    def guess(self, most: int) -> tuple[int, ...]:
        """What may come after the one pending token, if the text repeats itself."""
        if self._lookup is None or not self.generating:
            return ()
        return self._lookup.guess(min(most, self.limit - self.drawn - 1))

    def fed(self, count: int, scores: List[Scored], runtime: ChatRuntime) -> Told:
        """``count`` pending tokens are in memory; the echo of a prompt that is complete."""
        self.pending = self.pending[count:]
        self._scores.extend(scores)
        if self.pending or not self._echoes:
            return []
        return self.echo(runtime)

    def echo(self, runtime: ChatRuntime) -> Told:
        """The prompt's own text, and the end where no token is wanted."""
        assert self.request.echo is not None
        self._echoes = False
        text = self.request.echo[self.index // self.request.n]
        logprobs = tuple(
            _logprob(runtime, score.token, score.logprob, score.top) for score in self._scores
        )
        told = Token(self.index, (), text, logprobs)
        return [told, *self._end("length", None)] if self.limit == 0 else [told]

    def take(self, runtime: ChatRuntime, drawn: Sampled) -> Told:
        """Add the drawn token; what to tell, with ``Finished`` as the last when it ends."""
        token = drawn.token
        self.clock.last_s = time.monotonic()
        if not self.clock.first_s:
            self.clock.first_s = self.clock.last_s
        if runtime.ends(token) and not self.request.ignore_eos:
            return self._end("stop", self._text.flush())
        self.drawn += 1
        self.pending = (token,)
        if self._lookup is not None:
            self._lookup.add(token)
        logprob = (
            None if drawn.logprob is None else _logprob(runtime, token, drawn.logprob, drawn.top)
        )
        piece = self._text.push(token, runtime.piece(token), logprob)
        if piece is not None and piece.stopped:
            return self._end("stop", piece)
        if self._complete(token):
            return [*self._tell(piece), *self._end("stop", self._text.flush())]
        if self.drawn >= self.limit:
            return [*self._tell(piece), *self._end("length", self._text.flush())]
        return self._tell(piece)

    def _complete(self, token: int) -> bool:
        if self.constraint is None:
            return False
        self.constraint.accept(token)
        return self.constraint.complete

    def _end(self, reason: str, piece: Piece | None) -> Told:
        told = self._tell(piece)
        if self._reader is not None:
            rest = self._reader.finish()
            if rest.content or rest.calls:
                told = [*told, self._token(rest, ())]
            if self._reader.called and reason == "stop":
                reason = "tool_calls"
        self.finished = Finished(self.index, reason, self.drawn)
        return [*told, self.finished]

    def _tell(self, piece: Piece | None) -> Told:
        if piece is None:
            return []
        self._untold.extend(piece.ids)
        read = self._read(piece.text)
        # What the reader holds back has no entry of its own: its tokens go with the next text.
        if not (read.content or read.calls or piece.logprobs):
            return []
        return [self._token(read, piece.logprobs)]

    def _token(self, read: Read, logprobs: tuple[TokenLogprob, ...]) -> Token:
        told = Token(self.index, tuple(self._untold), read.content, logprobs, read.calls)
        self._untold.clear()
        return told

    def _read(self, text: str) -> Read:
        return Read(text) if self._reader is None else self._reader.push(text)


def _logprob(
    runtime: ChatRuntime, token: int, logprob: float | None, top: tuple[tuple[int, float], ...]
) -> TokenLogprob:
    alternatives = tuple((runtime.piece(other), each) for other, each in top)
    return TokenLogprob(runtime.piece(token), logprob, alternatives)
