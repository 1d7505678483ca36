"""Events: what happens to a job, in the order of its log; a closed union.

A job's log is ``Started``, then ``Token`` and ``Finished`` per choice (chat) or ``Vectors``
(embeddings), and ends with exactly one ``Done`` or ``Failed``. Each is one log entry with a
sequence number from 1, without gaps.
"""

from __future__ import annotations

import msgspec

from tasks.errors import TaskError, from_code


class Started(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """The first attempt took the job; its prompt has this many tokens.

    The job had waited for ``queued_ms``; None where an older worker did not say.
    """

    prompt_tokens: int
    cached_tokens: int = 0
    queued_ms: int | None = None


class TokenLogprob(msgspec.Struct, frozen=True, array_like=True):
    """A token's text as bytes, its natural log probability, and the likeliest alternatives.

    ``logprob`` is None for the first token of an echoed prompt, which nothing comes before.
    """

    piece: bytes
    logprob: float | None
    top: tuple[tuple[bytes, float], ...] = ()


class CallDelta(msgspec.Struct, frozen=True, array_like=True):
    """A piece of tool call number ``index`` of a choice: ``name`` with its first, then arguments.

    The pieces of ``arguments`` put together are the call's JSON text.
    """

    index: int
    name: str | None
    arguments: str


class Token(msgspec.Struct, frozen=True, array_like=True, tag="t"):
    """New text of choice ``index``: the ids behind it are what a later attempt continues from.

    ``ids`` holds several when earlier ones were held back (half a character, or the beginning
    of a stop string). ``ids`` is empty for the echo of a prompt, which comes first.
    """

    index: int
    ids: tuple[int, ...]
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    calls: tuple[CallDelta, ...] = ()


class Finished(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """Choice ``index`` ended: ``stop``, ``length`` or ``tool_calls``, after ``tokens`` tokens."""

    index: int
    reason: str
    tokens: int


class Vectors(msgspec.Struct, frozen=True, array_like=True, tag="v"):
    """Embeddings of the inputs from ``start`` on: rows of ``dimensions`` little-endian float32.

    ``tokens`` is how many each of these inputs has; empty where an older worker did not say.
    """

    start: int
    dimensions: int
    data: bytes
    tokens: tuple[int, ...] = ()


class Usage(msgspec.Struct, frozen=True, array_like=True):
    """Tokens that the job took in and gave out."""

    prompt_tokens: int
    completion_tokens: int = 0
    cached_tokens: int = 0


class Timings(msgspec.Struct, frozen=True, array_like=True):
    """Where the last attempt's time went, as llama-server counts it; sums over all choices.

    ``prompt_n`` tokens were computed and ``cache_n`` found in a slot's memory; ``predicted_ms``
    runs from the first token to the last; of ``draft_n`` guessed tokens ``draft_accepted_n`` held.
    """

    cache_n: int
    prompt_n: int
    prompt_ms: float
    predicted_n: int
    predicted_ms: float
    draft_n: int = 0
    draft_accepted_n: int = 0


class Done(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    """The job is complete.

    ``identity`` is what computed it (``tasks.identities``); empty while its worker does not know.
    """

    usage: Usage
    timings: Timings | None = None
    identity: str = ""


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="x"):
    """The job ended without an answer; ``error()`` gives the class to raise."""

    code: str
    message: str
    param: str | None = None

    @classmethod
    def of(cls, error: TaskError) -> Failed:
        """The event that carries ``error`` across."""
        return cls(error.code, error.message, error.param)

    def error(self) -> TaskError:
        """The error that this event carries."""
        return from_code(self.code, self.message, self.param)


Event = Started | Token | Finished | Vectors | Done | Failed
Terminal = Done | Failed

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(
    Started | Token | Finished | Vectors | Done | Failed
)

encode = _encoder.encode
decode = _decoder.decode


def is_terminal(event: Event) -> bool:
    """Whether nothing follows ``event`` in its log."""
    return isinstance(event, Done | Failed)


def joined(first: Token, second: Token) -> Token:
    """Two tokens of one choice, one after the other, as one."""
    calls = list(first.calls)
    for call in second.calls:
        last = calls[-1] if calls else None
        if last is not None and last.index == call.index and call.name is None:
            calls[-1] = CallDelta(last.index, last.name, last.arguments + call.arguments)
        else:
            calls.append(call)
    return Token(
        first.index,
        first.ids + second.ids,
        first.text + second.text,
        first.logprobs + second.logprobs,
        tuple(calls),
    )
