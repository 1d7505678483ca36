"""A request, and the sequences (one per choice) that answer it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as List
from dataclasses import dataclass, field

from tasks.errors import ContextLengthExceeded
from tasks.events import Finished, Token, TokenLogprob
from tasks.jobs import Sampling
from worker.engine.text import Piece, TextStream
from worker.runtimes.base import ChatRuntime, Sampled


@dataclass(frozen=True, slots=True)
class Resume:
    """Where an earlier attempt left one choice: its tokens, and its end if it had ended."""

    ids: tuple[int, ...] = ()
    finished: Finished | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What the engine is asked for. ``seed`` is that of choice 0; choice i gets ``seed + i``."""

    id: str
    prompt: tuple[int, ...]
    sampling: Sampling
    seed: int
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    top_logprobs: int | None = None
    ignore_eos: bool = False
    resume: Mapping[int, Resume] = field(default_factory=dict)


def check_fits(prompt_tokens: int, max_tokens: int | None, context: int) -> None:
    """Raise ``ContextLengthExceeded``, with the counts, for what one slot cannot hold."""
    if prompt_tokens >= context:
        raise ContextLengthExceeded(
            f"The prompt has {prompt_tokens} tokens; the model's context is {context} tokens,"
            " prompt and answer together. Shorten the messages.",
            param="messages",
        )
    if max_tokens is not None and prompt_tokens + max_tokens > context:
        raise ContextLengthExceeded(
            f"The prompt has {prompt_tokens} tokens and the answer may have {max_tokens}; the"
            f" model's context is {context} tokens, both together. Shorten the messages or lower"
            " max_tokens.",
            param="max_tokens",
        )


class Sequence:
    """One choice on its way: tokens still to feed, tokens drawn, text held back.

    1. Made when its request is submitted; waits for a slot.
    2. ``enter`` opens the slot; ``pending`` is the prompt and what an earlier attempt drew.
    3. ``take`` receives each drawn token and says what to tell; ``finished`` ends it.
    """

    def __init__(self, request: Request, index: int, context: int) -> None:
        self.request = request
        self.index = index
        self.slot = -1
        self.finished: Finished | None = None
        self._limit = min(request.max_tokens or context, context - len(request.prompt))
        self._text = TextStream(request.stop)
        resumed = request.resume.get(index, Resume())
        self._drawn = len(resumed.ids)
        self._resumed_ids = resumed.ids
        self.pending: List[int] = (*request.prompt, *resumed.ids)

    def enter(self, runtime: ChatRuntime, slot: int) -> None:
        """Take ``slot``: a sampler of its own, which has seen what was drawn before."""
        request = self.request
        runtime.open(
            slot,
            request.sampling,
            self._resumed_ids,
            seed=request.seed + self.index,
            top_logprobs=request.top_logprobs,
            ban_end=request.ignore_eos,
        )
        self.slot = slot
        for token in self._resumed_ids:
            self._text.push(token, runtime.piece(token))

    def take(self, runtime: ChatRuntime, drawn: Sampled) -> List[Token | Finished]:
        """Add the drawn token; the events to tell, with ``Finished`` as the last when it ends."""
        token = drawn.token
        if runtime.ends(token) and not self.request.ignore_eos:
            return self._end("stop", self._text.flush())
        self._drawn += 1
        self.pending = (token,)
        piece = self._text.push(token, runtime.piece(token), _logprob(runtime, drawn))
        if piece is not None and piece.stopped:
            return self._end("stop", piece)
        told = [self._tell(piece)] if piece is not None else []
        if self._drawn >= self._limit:
            return [*told, *self._end("length", self._text.flush())]
        return told

    def _end(self, reason: str, piece: Piece | None) -> List[Token | Finished]:
        self.finished = Finished(self.index, reason, self._drawn)
        if piece is None or not (piece.text or piece.logprobs):
            return [self.finished]
        return [self._tell(piece), self.finished]

    def _tell(self, piece: Piece) -> Token:
        return Token(self.index, piece.ids, piece.text, piece.logprobs)


def _logprob(runtime: ChatRuntime, drawn: Sampled) -> TokenLogprob | None:
    if drawn.logprob is None:
        return None
    top = tuple((runtime.piece(token), logprob) for token, logprob in drawn.top)
    return TokenLogprob(runtime.piece(drawn.token), drawn.logprob, top)
